//go:build linux

package supervisor_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// A listener is where an extension wants its telemetry.
type listener struct {
	*httptest.Server
	events chan string // type and record, numbers and times masked
}

func listen(t *testing.T) *listener {
	l := &listener{events: make(chan string, 10000)}
	l.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var batch []json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil || r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v: %v", r.Method, r.Header, err)
		}
		for _, event := range batch {
			l.events <- describe(t, event)
		}
	}))
	t.Cleanup(l.Close)
	return l
}

var changing = regexp.MustCompile(`"(durationMs|billedDurationMs|maxMemoryUsedMB|initDurationMs)":[0-9.]+|"start":"[^"]+"|Root=1-[^"]+|loading [0-9]+`)

func describe(t *testing.T, data []byte) string {
	var event struct {
		Time, Type string
		Record     json.RawMessage
	}
	if err := json.Unmarshal(data, &event); err != nil {
		t.Errorf("%v: %s", err, data)
	}
	if at, err := time.Parse("2006-01-02T15:04:05.000Z", event.Time); err != nil || time.Since(at) > time.Minute {
		t.Errorf("%q is no time of now", event.Time)
	}
	return event.Type + " " + changing.ReplaceAllStringFunc(string(event.Record), func(found string) string {
		name, _, ok := strings.Cut(found, ":")
		switch {
		case strings.HasPrefix(found, "loading"):
			return "loading PID"
		case !ok:
			return "TRACE"
		}
		return name + ":N"
	})
}

// destination is where it is, as an extension of the sandbox names it.
func (l *listener) destination() string {
	_, port, _ := net.SplitHostPort(l.Listener.Addr().String())
	return `"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:` + port + `/x"}`
}

// awaits takes events until one begins with the last of prefixes, and wants them all to come in order.
func (l *listener) awaits(t *testing.T, prefixes ...string) (seen []string) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for len(prefixes) > 0 {
		select {
		case event := <-l.events:
			seen = append(seen, event)
			if strings.HasPrefix(event, prefixes[0]) {
				prefixes = prefixes[1:]
			}
		case <-limit:
			t.Fatalf("no event begins with %q: %q", prefixes[0], seen)
		}
	}
	return seen
}

// subscribes is a puppet with an extension that has registered; it gives the extension's identifier.
func subscribes(t *testing.T, changes ...func(*setup)) (*puppet, string) {
	t.Helper()
	f := script(t, "echo loading $$\nexec sleep 1000", append(changes, mute(t, "probe", "echo api $AWS_LAMBDA_RUNTIME_API\nexec sleep 1000", 0o755))...)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	p := &puppet{function: f, client: &client{"http://" + f.log.await(t, "api "), http.DefaultClient}}
	return p, p.register("probe", `{"events":["INVOKE","SHUTDOWN"]}`).Header.Get(runtimeapi.HeaderExtensionID)
}

func (p *puppet) subscribe(path, id, body string) said {
	return p.call("PUT", path, []byte(body), runtimeapi.HeaderExtensionID, id)
}

// turnWith is an invocation in which the extension takes part.
func (p *puppet) turnWith(id, event string, work func()) *emulator.Result {
	p.t.Helper()
	if p.waiting == nil {
		p.waiting = p.next()
		p.nextEvent(id)
	}
	end := p.begin(event)
	p.waiting()
	work()
	p.waiting = p.next()
	p.nextEvent(id)
	return end()
}

// What there was before somebody subscribed comes too, and then everything as it happens.
func TestTelemetry(t *testing.T) {
	p, id := subscribes(t)
	l := listen(t)
	p.log.await(t, "loading")
	p.subscribe(runtimeapi.PathTelemetry, id, `{"schemaVersion":"2022-12-13","types":["platform","function","extension"],"buffering":{"timeoutMs":25},`+l.destination()+`}`).
		wants(t, "subscribing", 200, "\"OK\"\n")
	p.turnWith(id, `1`, func() { p.respond("[1]") })
	got := l.awaits(t, "platform.report")
	want := []string{
		`platform.initStart {"initializationType":"on-demand","phase":"init","functionName":"hello","functionVersion":"$LATEST"}`,
		`function "loading PID\n"`,
		`platform.telemetrySubscription {"name":"probe","state":"Subscribed","types":["platform","function","extension"]}`,
		`platform.initRuntimeDone {"initializationType":"on-demand","phase":"init","status":"success"}`,
		`platform.extension {"name":"probe","state":"Ready","events":["INVOKE","SHUTDOWN"]}`,
		`platform.initReport {"initializationType":"on-demand","phase":"init","metrics":{"durationMs":N}}`,
		`platform.start {"requestId":"` + requestID + `","version":"$LATEST","tracing":{"type":"X-Amzn-Trace-Id","value":"TRACE"}}`,
		`platform.runtimeDone {"requestId":"` + requestID + `","status":"success","metrics":{"durationMs":N,"producedBytes":3},"spans":[{"name":"responseLatency","start":N,"durationMs":N},{"name":"responseDuration","start":N,"durationMs":N}],"tracing":{"type":"X-Amzn-Trace-Id","value":"TRACE"}}`,
		`platform.report {"requestId":"` + requestID + `","status":"success","metrics":{"durationMs":N,"billedDurationMs":N,"memorySizeMB":1024,"maxMemoryUsedMB":N,"initDurationMs":N},"tracing":{"type":"X-Amzn-Trace-Id","value":"TRACE"}}`,
	}
	var others []string
	for _, event := range got {
		if !strings.HasPrefix(event, "extension ") { // its own line is somewhere before
			others = append(others, event)
		}
	}
	// the runtime and the extension end INIT in either order
	if len(others) > 5 && strings.HasPrefix(others[3], "platform.extension") {
		others[3], others[4] = others[4], others[3]
	}
	equal(t, "events", others, want)
	if len(others) == len(got) {
		t.Errorf("the extension's own line is missing: %q", got)
	}
	p.turnWith(id, `1`, func() { p.fail(`{}`, runtimeapi.HeaderErrorType, "Function.Oops") })
	l.awaits(t, `platform.runtimeDone {"requestId":"`+requestID+`","status":"error","errorType":"Function.Oops"`, `platform.report {"requestId":"`+requestID+`","status":"error","errorType":"Function.Oops"`)
	p.subscribe(runtimeapi.PathTelemetry, id, `{"types":["platform"],`+l.destination()+`}`).
		wants(t, "after INIT", 403, refused("Telemetry.SubscriptionClosed", "Telemetry API subscription is closed already"))
}

// The Logs API of 2020 has names and shapes of its own.
func TestLogsAPI(t *testing.T) {
	p, id := subscribes(t)
	l := listen(t)
	p.subscribe(runtimeapi.PathLogs, id, `{"schemaVersion":"2021-03-18","types":["platform"],"buffering":{"timeoutMs":25},`+l.destination()+`}`).wants(t, "subscribing", 200, "\"OK\"\n")
	p.turnWith(id, `1`, func() { p.respond("1") })
	equal(t, "events", l.awaits(t, "platform.report"), []string{
		`platform.logsSubscription {"name":"probe","state":"Subscribed","types":["platform"]}`,
		`platform.extension {"name":"probe","state":"Ready","events":["INVOKE","SHUTDOWN"]}`,
		`platform.start {"requestId":"` + requestID + `","version":"$LATEST"}`,
		`platform.runtimeDone {"requestId":"` + requestID + `","status":"success"}`,
		`platform.end {"requestId":"` + requestID + `"}`,
		`platform.report {"requestId":"` + requestID + `","metrics":{"durationMs":N,"billedDurationMs":N,"memorySizeMB":1024,"maxMemoryUsedMB":N,"initDurationMs":N}}`,
	})
}

// A runtime that ends, or takes too long, is told before the extension's SHUTDOWN.
func TestTelemetryOfFailures(t *testing.T) {
	for name, want := range map[string]string{
		"the time": `platform.runtimeDone {"requestId":"` + requestID + `","status":"timeout","errorType":"Sandbox.Timedout"`,
		"an exit":  `platform.runtimeDone {"requestId":"` + requestID + `","status":"failure","errorType":"Runtime.ExitError"`,
	} {
		l := listen(t)
		p, id := subscribes(t, timeout(500*time.Millisecond))
		p.subscribe(runtimeapi.PathTelemetry, id, `{"types":["platform"],`+l.destination()+`}`).wants(t, "subscribing", 200, "\"OK\"\n")
		p.waiting = p.next()
		event := p.nextEvent(id)
		end := p.begin(`1`)
		p.waiting()
		event()
		shutdown := p.nextEvent(id)
		if name == "an exit" {
			pid, err := strconv.Atoi(p.log.await(t, "loading "))
			if err == nil {
				err = syscall.Kill(pid, syscall.SIGKILL)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		end()
		l.awaits(t, want, `platform.report`)
		if got := shutdown(); !strings.Contains(got.Body, `"SHUTDOWN"`) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestTelemetryByTCP(t *testing.T) {
	p, id := subscribes(t)
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	p.subscribe(runtimeapi.PathTelemetry, id, fmt.Sprintf(`{"types":["function"],"buffering":{"timeoutMs":25},"destination":{"protocol":"TCP","port":%d}}`, server.Addr().(*net.TCPAddr).Port)).wants(t, "subscribing", 200, "\"OK\"\n")
	conn, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if got := describe(t, []byte(line)); err != nil || got != `function "loading PID\n"` {
		t.Errorf("%s, %v", got, err)
	}
}

// Lines of a function that logs JSON are objects, where the schema has them.
func TestJSONLines(t *testing.T) {
	for schema, want := range map[string]string{"2022-12-13": `function {"level":"INFO","a":[1]}`, "2022-07-01": `function "{\"level\":\"INFO\",\"a\":[1]}\n"`} {
		l := listen(t)
		f := script(t, "echo '{\"level\":\"INFO\",\"a\":[1]}'\nexec sleep 1000", variable("AWS_LAMBDA_LOG_FORMAT", "JSON"), mute(t, "probe", "echo api $AWS_LAMBDA_RUNTIME_API\nexec sleep 1000", 0o755))
		p := &puppet{function: f, client: &client{"http://" + f.log.await(t, "api "), http.DefaultClient}}
		id := p.register("probe", `{}`).Header.Get(runtimeapi.HeaderExtensionID)
		p.subscribe(runtimeapi.PathTelemetry, id, `{"schemaVersion":"`+schema+`","types":["function"],"buffering":{"timeoutMs":25},`+l.destination()+`}`).wants(t, "subscribing", 200, "\"OK\"\n")
		l.awaits(t, want)
		p.turnWith(id, `1`, func() { p.respond("1") })
		var lines []string
		for _, line := range p.log.platform() {
			var event struct{ Type string }
			if err := json.Unmarshal([]byte(line), &event); err == nil {
				line = event.Type
			}
			lines = append(lines, line)
		}
		if got := strings.Join(lines, " "); !strings.HasSuffix(got, "platform.initReport platform.start platform.runtimeDone platform.report") {
			t.Errorf("the platform's lines: %s", got)
		}
	}
}

func TestWrongSubscriptions(t *testing.T) {
	p, id := subscribes(t)
	const good = `"types":["platform"],"destination":{"protocol":"HTTP","URI":"http://sandbox:1234"}`
	for body, want := range map[string]string{
		`{`:  "the body is no subscription: unexpected EOF",
		`{}`: "protocol should be HTTP or TCP; types should not be empty",
		`{"types":["x"],"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain/"}}`:  "URI port is not provided; types should be of: platform, function, extension; got \\\"x\\\"",
		`{"types":["platform"],"destination":{"protocol":"HTTP","URI":"http://example.com:80"}}`: "URI host should be sandbox.localdomain or sandbox",
		`{"types":["platform"],"destination":{"protocol":"HTTP","URI":"https://sandbox:80"}}`:    "URI scheme should be http",
		`{"types":["platform"],"destination":{"protocol":"TCP","port":0}}`:                       "port should be from 1 to 65535",
		`{"schemaVersion":"1999-01-01",` + good + `}`:                                            "schemaVersion should be one of: 2022-07-01, 2022-12-13, 2025-01-29",
		`{"buffering":{"maxItems":999,"maxBytes":1,"timeoutMs":30001},` + good + `}`:             "buffering.maxItems should be from 1000 to 10000; buffering.maxBytes should be from 262144 to 1048576; buffering.timeoutMs should be from 25 to 30000",
	} {
		p.subscribe(runtimeapi.PathTelemetry, id, body).wants(t, body, 400, refused("ValidationError", want))
	}
	p.subscribe(runtimeapi.PathLogs, id, `{"schemaVersion":"2022-07-01",`+good+`}`).wants(t, "a schema of the other", 400, refused("Logs.ValidationError", "schemaVersion should be one of: 2020-08-15, 2021-03-18"))
	p.subscribe(runtimeapi.PathTelemetry, "", `{`+good+`}`).wants(t, "no identifier", 403, refused("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"))
	const stranger = "8c9a2e6f-3f0b-4c6e-9b57-0d5f0a6f7c11"
	p.subscribe(runtimeapi.PathTelemetry, stranger, `{`+good+`}`).wants(t, "a stranger", 403, refused("Extension.UnknownExtensionIdentifier", "Unknown extension "+stranger))
	for range 3 { // again takes the place of the one before
		p.subscribe(runtimeapi.PathTelemetry, id, `{`+good+`}`).wants(t, "good", 200, "\"OK\"\n")
	}
}

// A listener that takes nothing for long holds up nothing, and hears later how much it missed.
func TestSlowListener(t *testing.T) {
	l := listen(t)
	open := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-open
		l.Config.Handler.ServeHTTP(w, r)
	}))
	defer slow.Close()
	const lines = 6000
	f := script(t, `i=0; while [ $i -lt `+strconv.Itoa(lines)+` ]; do echo `+strings.Repeat("x", 1000)+`; i=$((i+1)); done; echo done; exec sleep 1000`,
		mute(t, "probe", "echo api $AWS_LAMBDA_RUNTIME_API\nexec sleep 1000", 0o755))
	p := &puppet{function: f, client: &client{"http://" + f.log.await(t, "api "), http.DefaultClient}}
	id := p.register("probe", `{}`).Header.Get(runtimeapi.HeaderExtensionID)
	_, port, _ := net.SplitHostPort(slow.Listener.Addr().String())
	p.subscribe(runtimeapi.PathTelemetry, id, `{"types":["function"],"destination":{"protocol":"HTTP","URI":"http://sandbox:`+port+`"}}`).wants(t, "subscribing", 200, "\"OK\"\n")
	p.log.await(t, "done")
	close(open)
	seen := l.awaits(t, "platform.logsDropped ")
	var dropped struct{ DroppedRecords, DroppedBytes int }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(seen[len(seen)-1], "platform.logsDropped ")), &dropped); err != nil {
		t.Fatal(err)
	}
	if had := len(seen) - 1; dropped.DroppedRecords < 1000 || had < 1000 || had+dropped.DroppedRecords > lines+1 || dropped.DroppedBytes < 1000*dropped.DroppedRecords {
		t.Errorf("%d events came, %+v", had, dropped)
	}
}
