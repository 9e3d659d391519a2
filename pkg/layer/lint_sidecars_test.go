package layer_test

import (
	"strings"
	"testing"

	"github.com/serverless/open-runtime/pkg/layer"
)

// What is asked of a middleware is asked of a sidecar.
func TestLintSidecars(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		want  []string // rule, path, a part of the cause
	}{
		"good": {map[string]string{
			"sor.json": `{"sidecars":["agent","proxy","absent?"]}`, "sidecars/agent": "#!/bin/bash\n", "sidecars/proxy/proxy": "#!/bin/sh\n", "sidecars/proxy/data": "x",
			"sidecars/agent.json": `{"ready":{"tcp":"localhost:8126"}}`,
		}, nil},
		"absent":      {map[string]string{"sor.json": `{"sidecars":["agent"]}`}, []string{"not-found sidecars/agent the list names it"}},
		"folder":      {map[string]string{"sor.json": `{"sidecars":["agent"]}`, "sidecars/agent/x": ""}, []string{"not-found sidecars/agent without an executable agent"}},
		"wasm":        {map[string]string{"sor.json": `{"sidecars":["agent"]}`, "sidecars/agent.wasm": ""}, []string{"not-found sidecars/agent the list names it"}},
		"twice":       {map[string]string{"sor.json": `{"sidecars":["agent","agent?"]}`, "sidecars/agent": "#!/bin/sh\n"}, []string{`name sor.json "agent" is listed twice`}},
		"name":        {map[string]string{"sidecars/an agent": "#!/bin/sh\n"}, []string{`name sidecars/an agent "an agent" is no name`}},
		"manifest":    {map[string]string{"sidecars/agent": "#!/bin/sh\n", "sidecars/agent.json": `{"flush":{"tcp":"localhost:1"}}`}, []string{"manifest sidecars/agent.json flush: there is no way tcp"}},
		"crlf":        {map[string]string{"sidecars/agent": "#!/bin/sh\r\n"}, []string{"crlf sidecars/agent CR LF"}},
		"interpreter": {map[string]string{"sidecars/agent": "#!/usr/bin/env python3\n"}, []string{"interpreter sidecars/agent python3 is not on nodejs22.x"}},
		"no program":  {map[string]string{"sidecars/agent": "text\n"}, []string{"no-shebang sidecars/agent neither a program"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, test.files)
			tree := layer.New()
			if err := tree.AddDir("", dir); err != nil {
				t.Fatal(err)
			}
			findings := tree.Lint(layer.LintOptions{Arch: "arm64", Target: "nodejs22.x", Layers: []string{}, Foreign: true})
			if got, want := len(findings), len(test.want); got != want {
				t.Fatalf("got %v, want %d findings", findings, want)
			}
			for i, want := range test.want {
				f := findings[i]
				if got := strings.Join([]string{f.Rule, f.Path, f.Cause}, " "); !strings.HasPrefix(want, f.Rule+" "+f.Path+" ") || !strings.Contains(f.Cause, strings.TrimPrefix(want, f.Rule+" "+f.Path+" ")) {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
}
