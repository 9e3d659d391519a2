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
	for _, bad := range []string{`[]`, `null`, `{`, `{"protocol":"grpc"}`, `{"hooks":["befor"]}`, `{"timeoutMs":-1}`, `{"timeoutMs":"1"}`} {
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

func TestParseRuntime(t *testing.T) {
	for text, want := range map[string]manifest.Runtime{
		`{"protocol":"frames/1"}`: {Protocol: "frames/1"},
		`{}`:                      {},
		`{"protocol":"runtime-api","command":["/var/task/{handler}","-x"]}`: {Protocol: "runtime-api", Command: []string{"/var/task/{handler}", "-x"}},
	} {
		got, warnings, err := manifest.ParseRuntime([]byte(text))
		if err != nil || len(warnings) > 0 || !cmp.Equal(got, want) {
			t.Errorf("%s: got %+v, %v, %v", text, got, warnings, err)
		}
	}
	for text, want := range map[string]string{
		``: "it is not a JSON object: unexpected end of JSON input", `{"protocol":"exec"}`: `there is no protocol "exec"; there are frames/1 and runtime-api`,
		`{"command":"x"}`: "command is of the kind string, and must be a list",
	} {
		if _, _, err := manifest.ParseRuntime([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestWarningsAreInOrder(t *testing.T) {
	_, warnings, err := manifest.ParseMiddleware([]byte(`{"zeta":1,"alpha":2,"hooks":[]}`))
	const known = "; known are protocol, hooks, timeoutMs, required, env, credentials, response"
	want := []string{`unknown key "alpha"` + known, `unknown key "zeta"` + known}
	if err != nil || !cmp.Equal(warnings, want) {
		t.Errorf("got %q, %v", warnings, err)
	}
}

// null says nothing, as if the key were not there.
func TestNulls(t *testing.T) {
	m, warnings, err := manifest.ParseMiddleware([]byte(`{"protocol":null,"hooks":null,"timeoutMs":null,"required":null,"env":null,"credentials":null}`))
	if err != nil || len(warnings) > 0 || !cmp.Equal(m, manifest.DefaultMiddleware()) {
		t.Errorf("got %+v, %q, %v", m, warnings, err)
	}
}

// FuzzParseMiddleware: what is taken for a manifest is one that the rest can work with.
func FuzzParseMiddleware(f *testing.F) {
	for _, seed := range []string{
		`{"protocol":"exec"}`, `{"protocol":"frames/1","hooks":["before","error"],"timeoutMs":500}`, `{"PROTOCOL":"wasm"}`,
		`{"hooks":null,"env":["A"]}`, `null`, `{"required":false,"required":true}`, `{"timeoutMs":1e3}`, `{} {}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, warnings, err := manifest.ParseMiddleware(data)
		if err != nil {
			return
		}
		if m.Protocol == "" || m.TimeoutMs < 0 {
			t.Errorf("%q gives %+v", data, m)
		}
		for _, hook := range m.Hooks {
			if hook != "before" && hook != "after" && hook != "error" {
				t.Errorf("%q gives the hook %q", data, hook)
			}
		}
		checkWarnings(t, warnings)
	})
}

// FuzzParseRuntime: what is taken for a manifest has a protocol that there is.
func FuzzParseRuntime(f *testing.F) {
	for _, seed := range []string{
		`{"protocol":"frames/1"}`, `{"protocol":"runtime-api","command":["/var/task/{handler}"]}`, `{}`, `{"protocol":null,"command":null}`, `{"command":"x"}`, `{"command":[]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, warnings, err := manifest.ParseRuntime(data)
		if err == nil && r.Protocol != "" && r.Protocol != manifest.ProtocolFrames && r.Protocol != manifest.ProtocolRuntimeAPI {
			t.Errorf("%q gives %+v", data, r)
		}
		checkWarnings(t, warnings)
	})
}

// FuzzParseDefaults: what is read of sor.json, spelled again, reads the same.
func FuzzParseDefaults(f *testing.F) {
	for _, seed := range []string{
		`{"middlewares":["a","b?"],"sidecars":[]}`, `{"sha256":{"middlewares/a":"00ff"}}`, `{"middlewares":null}`, `{"middlewares":[null]}`, `{"x":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, warnings, err := manifest.ParseDefaults(data)
		checkWarnings(t, warnings)
		if err != nil {
			return
		}
		again, warnings, err := manifest.ParseDefaults(d.JSON())
		if err != nil || len(warnings) > 0 || !cmp.Equal(again, d) {
			t.Errorf("%q gives %+v, and then %+v, %q, %v", data, d, again, warnings, err)
		}
	})
}

// checkWarnings wants each on a line of its own.
func checkWarnings(t *testing.T, warnings []string) {
	t.Helper()
	for _, warning := range warnings {
		if strings.ContainsAny(warning, "\n\x00") {
			t.Errorf("a warning of more than a line: %q", warning)
		}
	}
}

// FuzzParseList: a list spelled again is the same list, and no name leads out of /opt/middlewares.
func FuzzParseList(f *testing.F) {
	for _, seed := range []string{"a,b?,sor:http", " a , b ", "a??", "sor:", "../x", "a\x00", ",", "a,a?"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		refs, err := manifest.ParseList(list)
		if err != nil {
			return
		}
		var again []string
		for _, ref := range refs {
			again = append(again, ref.String())
			if name := strings.TrimPrefix(ref.Name, "sor:"); strings.ContainsAny(name, "/\x00\n") || strings.HasPrefix(name, ".") {
				t.Errorf("%q gives the name %q", list, ref.Name)
			}
		}
		same, err := manifest.ParseList(strings.Join(again, ","))
		if err != nil || !cmp.Equal(same, refs) {
			t.Errorf("%q gives %v, and then %v, %v", list, refs, same, err)
		}
	})
}

// A key in another case is an unknown one, and means nothing.
func TestKeysInAnotherCase(t *testing.T) {
	m, warnings, err := manifest.ParseMiddleware([]byte(`{"Required":false,"timeoutMs":5}`))
	if err != nil || len(warnings) != 1 || m.Optional() || m.TimeoutMs != 5 {
		t.Errorf("got %+v, %q, %v", m, warnings, err)
	}
}
