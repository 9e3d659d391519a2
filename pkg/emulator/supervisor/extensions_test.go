//go:build linux

package supervisor_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// register registers an internal extension.
func (p *puppet) register(name, body string, headers ...string) said {
	if name != "" {
		headers = append(headers, runtimeapi.HeaderExtensionName, name)
	}
	return p.call("POST", runtimeapi.PathRegister, []byte(body), headers...)
}

// nextEvent asks for an extension's next event. What it gives waits for it.
func (p *puppet) nextEvent(id string) (await func() said) {
	done := make(chan said, 1)
	go func() { done <- p.call("GET", runtimeapi.PathExtensionNext, nil, runtimeapi.HeaderExtensionID, id) }()
	return func() said { return <-done }
}

func refused(errorType, message string) string {
	return `{"errorMessage":"` + message + `","errorType":"` + errorType + `"}` + "\n"
}

func TestRegisterExtension(t *testing.T) {
	p := newPuppet(t)
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	ids := map[string]bool{}
	for name, test := range map[string]struct {
		body, feature, account string
	}{"GoLangEnableSIGTERM": {`{"events":null}`, "", ""}, "other": {`{}`, "accountId", "123456789012"}, "third": {`{"events":[]}`, "x, accountId", "123456789012"}} {
		got := p.register(name, test.body, runtimeapi.HeaderExtensionFeature, test.feature)
		var told map[string]string
		if err := json.Unmarshal([]byte(got.Body), &told); err != nil || got.Status != 200 {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		want := map[string]string{"functionName": "hello", "functionVersion": "$LATEST", "handler": "app.handle"}
		if test.account != "" {
			want["accountId"] = test.account
		}
		equal(t, "registration of "+name, told, want)
		id := got.Header.Get(runtimeapi.HeaderExtensionID)
		if !uuid.MatchString(id) || ids[id] {
			t.Errorf("%s has the identifier %q", name, id)
		}
		ids[id] = true
	}
	for id := range ids {
		p.nextEvent(id)
	}
	p.turn(`1`, func(next said) { next.wants(t, "next", 200, "1"); p.respond("1") })
}

func TestExtensionErrors(t *testing.T) {
	p := newPuppet(t)
	p.register("", `{}`).wants(t, "no name", 403, refused("Extension.InvalidExtensionName", "Empty extension name"))
	p.register("x", `{`).wants(t, "no JSON", 403, refused("InvalidRequestFormat", "unexpected EOF"))
	p.register("x", `{"events":["SHUTDOWN"]}`).wants(t, "shutdown", 403, refused("Extension.InvalidEventType", "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"))
	p.register("x", `{"events":["SLEEP"]}`).wants(t, "an unknown event", 403, refused("Extension.InvalidEventType", "SLEEP: ErrorInvalidEventType"))
	const stranger = "8c9a2e6f-3f0b-4c6e-9b57-0d5f0a6f7c11"
	p.nextEvent("")().wants(t, "no identifier", 403, refused("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"))
	p.nextEvent("me")().wants(t, "a bad identifier", 403, refused("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"))
	p.nextEvent(stranger)().wants(t, "an unknown identifier", 403, refused("Extension.UnknownExtensionIdentifier", "Unknown extension "+stranger))
	for i := range 10 {
		got := p.register("x"+strconv.Itoa(i), `{}`)
		if got.Status != 200 {
			t.Fatalf("%+v", got)
		}
		p.nextEvent(got.Header.Get(runtimeapi.HeaderExtensionID))
	}
	p.register("x0", `{}`).wants(t, "the same name", 403, refused("Extension.InvalidExtensionState", "Extension with this name already registered"))
	p.register("x10", `{}`).wants(t, "an eleventh", 403, refused("Extension.TooManyExtensions", "Extension limit (10) reached"))
	p.turn(`1`, func(said) { p.respond("1") })
	p.register("late", `{}`).wants(t, "after INIT", 403, refused("Extension.RegistrationClosed", "Extension registration closed already"))
}

// INIT is over when the extension has asked for its next event too, and not before.
func TestInitWaitsForExtensions(t *testing.T) {
	p := newPuppet(t)
	id := p.register("x", `{}`).Header.Get(runtimeapi.HeaderExtensionID)
	runtimes := p.next()
	p.nextEvent(id)
	end := p.begin(`1`)
	runtimes().wants(t, "next", 200, "1")
	p.respond("1")
	p.next()
	end()

	p = newPuppet(t, func(s *setup) { s.inside.options.InitLimit = 5 * time.Second })
	if p.register("x", `{}`).Status != 200 {
		t.Fatal("the puppet took longer to register than INIT may")
	}
	p.next()
	if got := p.log.await(t, "INIT_REPORT"); !strings.Contains(got, "Status: timeout") {
		t.Errorf("INIT_REPORT%s", got)
	}
}

// ends starts a runtime in bash, which registers an extension or does not, and closes the sandbox when it has.
func ends(t *testing.T, register bool, onTerm string, change ...func(*setup)) (log *logbook, took time.Duration) {
	t.Helper()
	body := "trap '" + onTerm + "' TERM\n"
	if register {
		body += `exec 5<>/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}
printf 'POST /2020-01-01/extension/register HTTP/1.1\r\nHost: x\r\nLambda-Extension-Name: x\r\nContent-Length: 2\r\n\r\n{}' >&5
read -r status <&5; echo "$status"
`
	}
	f := script(t, "exec bash -c '"+strings.ReplaceAll(body, "'", `'\''`)+"echo up; while :; do read -t 0.02 <> <(:); done'", change...)
	f.log.await(t, "up")
	start := time.Now()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	return f.log, time.Since(start)
}

// A runtime with an extension gets SIGTERM and 500 ms at the end; one without is killed at once.
func TestEndOfARuntime(t *testing.T) {
	log, _ := ends(t, true, "echo bye; exit")
	equal(t, "log of a polite one", log.function(), []string{"HTTP/1.1 200 OK", "up", "bye"})
	if _, took := ends(t, true, ""); took < 500*time.Millisecond {
		t.Errorf("a deaf one was killed after %v", took)
	}
	log, _ = ends(t, false, "echo bye; exit")
	equal(t, "log of one without an extension", log.function(), []string{"up"})
}

// A reset is a shutdown too: the runtime gets SIGTERM, and the next environment its own INIT.
func TestResetSendsSIGTERM(t *testing.T) {
	f := script(t, `echo api $AWS_LAMBDA_RUNTIME_API
exec bash -c 'trap "echo bye; exit" TERM; while :; do read -t 0.02 <> <(:); done'`, timeout(200*time.Millisecond))
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	p := &puppet{function: f, client: &client{"http://" + f.log.await(t, "api "), http.DefaultClient}}
	p.nextEvent(p.register("x", `{}`).Header.Get(runtimeapi.HeaderExtensionID))
	p.next()
	equal(t, "error type", p.begin(`1`)().ErrorType, "Sandbox.Timedout")
	p.log.await(t, "bye")
}
