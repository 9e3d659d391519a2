package manifest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/manifest"
)

func TestCheckName(t *testing.T) {
	for _, good := range []string{"a", "redact.py", "A-b_c.9", strings.Repeat("x", 64)} {
		if err := manifest.CheckName(good); err != nil {
			t.Error(err)
		}
	}
	bad := []string{"", ".", "..", "../x", "a/b", "a b", "a\x00", "a\n", ".hidden", "-x", "ä", "x.json", "x.wasm", strings.Repeat("x", 65)}
	for _, name := range bad {
		if manifest.CheckName(name) == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
}

func TestParseList(t *testing.T) {
	got, err := manifest.ParseList(" auth, audit? ,sor:http")
	want := []manifest.Ref{{Name: "auth"}, {Name: "audit", Optional: true}, {Name: "sor:http", BuiltIn: true}}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if got, err := manifest.ParseList("  "); got != nil || err != nil {
		t.Errorf("an empty list: %v, %v", got, err)
	}
	for list, want := range map[string]string{"a,,b": "empty", "a,a?": "twice", "../x": "no name", "a,": "empty"} {
		if _, err := manifest.ParseList(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", list, err, want)
		}
	}
}

func TestParseMiddleware(t *testing.T) {
	m, warnings, err := manifest.ParseMiddleware([]byte(`{"hooks":["error"],"required":false,"env":[],"credentials":false,"hook":1}`))
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], `"hook"`) {
		t.Fatalf("%v, %v", warnings, err)
	}
	if m.Protocol != "exec" || !m.Has("error") || m.Has("before") || !m.Optional() || m.SeesCredentials() || m.Env == nil {
		t.Errorf("%+v", m)
	}
	for _, bad := range []string{`[]`, `{`, `{"protocol":"grpc"}`, `{"hooks":["befor"]}`, `{"timeoutMs":-1}`, `{"timeoutMs":"1"}`} {
		if _, _, err := manifest.ParseMiddleware([]byte(bad)); err == nil {
			t.Errorf("%s is taken for a manifest", bad)
		}
	}
}

func TestDefaults(t *testing.T) {
	for _, d := range []manifest.Defaults{{}, {Middlewares: []string{}}, {Middlewares: []string{"a?"}, Sidecars: []string{"s"}}} {
		got, _, err := manifest.ParseDefaults(d.JSON())
		if err != nil || !cmp.Equal(got, d) {
			t.Errorf("%s: got %+v, %v", d.JSON(), got, err)
		}
	}
}

func FuzzParseMiddleware(f *testing.F) {
	f.Add([]byte(`{"protocol":"exec"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, _, err := manifest.ParseMiddleware(data)
		if err == nil && m.Protocol == "" {
			t.Errorf("%q gives no protocol", data)
		}
	})
}
