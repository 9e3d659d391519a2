package recording_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/recording"
)

func newHeader() recording.Header {
	return recording.Header{
		Sor: "v1", TimeUs: 7, Sandbox: "namespace",
		Functions: []recording.Function{{Name: "hello", Handler: "app.handle", MemoryMB: 128, TimeoutMs: 3000, Target: "provided.al2023"}},
	}
}

// A whole recording, with all turns.
type whole struct {
	recording.Header
	Turns []*recording.Turn
}

func read(t *testing.T, text string) whole {
	t.Helper()
	r, err := recording.Open(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	all := whole{Header: r.Header}
	for _, listed := range r.Turns {
		turn, err := r.Turn(listed)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if listed.RequestID != turn.RequestID || listed.Function != turn.Function || listed.Ended != (turn.Outcome != nil) ||
			listed.Ended && listed.Failure != turn.Outcome.Failure {
			t.Errorf("%+v is listed as %+v", turn, listed)
		}
		all.Turns = append(all.Turns, turn)
	}
	return all
}

// exchange writes a request and its answer.
func exchange(w *recording.Writer, sandbox int, number int64, method, path, body string, status int, header map[string][]string, answer string) {
	w.Record("hello", frames.Record{TimeUs: 10, Sandbox: sandbox, Exchange: number, Method: method, Path: path}, []byte(body))
	w.Record("hello", frames.Record{TimeUs: 11, Sandbox: sandbox, Exchange: number, Status: status, Header: header}, []byte(answer))
}

func report(status string) frames.Report {
	return frames.Report{Type: frames.TypeReport, ID: "x", Status: status, DurationMs: 1.5, BilledDurationMs: 2, MemorySizeMB: 128, MaxMemoryUsedMB: 9}
}

// What is written comes back: bytes, calls with whom they are of, outcomes.
func TestRoundTrip(t *testing.T) {
	binary := "\xff\x00<\u2028>"
	var file bytes.Buffer
	w := recording.NewWriter(&file, newHeader(), nil)
	told := frames.SupervisorInvoke{ID: "one", TraceID: "Root=1", ClientContext: `{"a":1}`, TenantID: "blue", Streamed: true, KillAfterMs: 5}
	exchange(w, 1, 1, "POST", runtimeapi.PathRegister, "{}", 200, nil, "{}")
	w.Record("hello", frames.Record{Sandbox: 1, Exchange: 2, Method: "GET", Path: runtimeapi.PathNext}, nil)
	w.Log("hello", frames.Log{Source: frames.SourceFunction}, []byte(binary))
	w.Begin("hello", told, []byte(`{"html":"<&>"}`))
	w.Record("hello", frames.Record{Sandbox: 1, Exchange: 2, Status: 200, Header: map[string][]string{"lambda-runtime-aws-request-id": {"one"}}}, []byte("{}"))
	exchange(w, 1, 3, "GET", runtimeapi.PathExtensionNext, "", 200, nil, `{"eventType":"INVOKE","requestId":"one"}`)
	w.Begin("hello", frames.SupervisorInvoke{ID: "two"}, []byte("2"))
	exchange(w, 2, 2, "POST", runtimeapi.PathInvocation+"two"+runtimeapi.SuffixError, "{}", 202, nil, "")
	exchange(w, 1, 4, "POST", runtimeapi.PathInvocation+"one"+runtimeapi.SuffixResponse, binary, 202, nil, "")
	w.End("hello", "one", &emulator.Result{RequestID: "one", Payload: []byte(binary), ContentType: "x/y", Report: report("success")}, nil)
	w.End("hello", "two", nil, emulator.ErrThrottled)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.SplitAfter(strings.TrimSuffix(file.String(), "\n"), "\n") {
		if i == 0 != strings.HasPrefix(line, `{"recording":1,"sor":"v1"`) {
			t.Errorf("line %d is %s", i+1, line)
		}
	}
	got := read(t, file.String())
	header := newHeader()
	header.Format = recording.Format
	if diff := cmp.Diff(header, got.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if len(got.Turns) != 2 {
		t.Fatalf("%d invocations, want 2", len(got.Turns))
	}
	one, two := got.Turns[0], got.Turns[1]
	if diff := cmp.Diff(told, one.Told()); diff != "" {
		t.Errorf("what was told (-want +got):\n%s", diff)
	}
	if string(one.Event) != `{"html":"<&>"}` || string(one.Outcome.Payload) != binary || one.Outcome.ContentType != "x/y" {
		t.Errorf("the first is %q, %q", one.Event, one.Outcome.Payload)
	}
	want := report("success")
	want.Type, want.ID = "", ""
	if diff := cmp.Diff(&want, one.Outcome.Report); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	var calls []string
	for _, turn := range got.Turns {
		for _, call := range turn.Calls {
			calls = append(calls, fmt.Sprintf("%s: %s %d %q", turn.RequestID, call.Request.Path, call.Answer.Status, call.Request.Body))
		}
	}
	wantCalls := []string{
		"one: " + runtimeapi.PathNext + ` 200 ""`, "one: " + runtimeapi.PathExtensionNext + ` 200 ""`,
		"one: " + runtimeapi.PathInvocation + "one/response" + ` 202 "\xff\x00<\u2028>"`, "two: " + runtimeapi.PathInvocation + `two/error 202 "{}"`,
	}
	if diff := cmp.Diff(wantCalls, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if two.Outcome.Failure != emulator.ErrThrottled.Error() || two.Outcome.Report != nil {
		t.Errorf("the second ended with %+v", two.Outcome)
	}
}

// An event that comes again has its request ID again; what follows is of the later one.
func TestDeliveredTwice(t *testing.T) {
	var file bytes.Buffer
	w := recording.NewWriter(&file, newHeader(), nil)
	for n, payload := range []string{"1", "2"} {
		w.Begin("hello", frames.SupervisorInvoke{ID: "same"}, []byte("{}"))
		exchange(w, 1, int64(n), "POST", runtimeapi.PathInvocation+"same"+runtimeapi.SuffixResponse, payload, 202, nil, "")
		w.End("hello", "same", &emulator.Result{Payload: []byte(payload), Report: report("success")}, nil)
	}
	for i, turn := range read(t, file.String()).Turns {
		if want := fmt.Sprint(i + 1); string(turn.Outcome.Payload) != want || len(turn.Calls) != 1 || string(turn.Calls[0].Request.Body) != want {
			t.Errorf("invocation %d is %q with the calls %+v", i+1, turn.Outcome.Payload, turn.Calls)
		}
	}
}

// No credential of a function is in the file, however it is written; "local", which stands for one, is a word.
func TestRedaction(t *testing.T) {
	const secret, key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "AKIAIOSFODNN7EXAMPLE"
	var file bytes.Buffer
	w := recording.NewWriter(&file, newHeader(), []string{secret, key, "local"})
	w.Begin("hello", frames.SupervisorInvoke{ID: "a", ClientContext: key}, []byte(`{"k":"`+key+`","place":"local"}`))
	w.Log("hello", frames.Log{}, []byte("found "+secret+" in it"))
	header := map[string][]string{"authorization": {"Bearer x1"}, "X-Amz-Security-Token": {"x2"}, "Cookie": {"x3", "x4"}, "X-Own": {key}, "Accept": {"all"}}
	exchange(w, 0, 1, "GET", "/path?key="+"wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEXAMPLEKEY", `"wJalrXUtnFEMI\/K7MDENG+bPxRfiCYEXAMPLEKEY"`, 200, header, "\xff"+secret)
	w.End("hello", "a", &emulator.Result{Payload: []byte(key), Report: report("success")}, nil)
	w.End("hello", "a", nil, errors.New("with "+key))
	text := file.String()
	for _, never := range []string{"wJalr", key, "x1", "x2", "x3", "x4"} {
		if strings.Contains(text, never) {
			t.Errorf("%s is in\n%s", never, text)
		}
	}
	for _, still := range []string{`\"place\":\"local\"`, `"Accept":["all"]`, `found [redacted] in it`, `"X-Own":["[redacted]"]`, `{"base64":"/1tyZWRhY3RlZF0="}`} {
		if !strings.Contains(text, still) {
			t.Errorf("%s is not in\n%s", still, text)
		}
	}
}

// What is wrong with a file is told with its line.
func TestReadErrors(t *testing.T) {
	const header, inv = `{"recording":1,"sor":"v1"}` + "\n", `{"type":"invocation","function":"f","requestId":"a","event":"1"}` + "\n"
	const outcome = `{"type":"outcome","function":"f","requestId":"a","report":{"status":"success"}}` + "\n"
	tests := []struct{ name, text, want string }{
		{"empty", "", "line 1: it is empty"},
		{"not JSON", "hello\n", "line 1: it is not JSON: column 1"},
		{"no header", inv, "line 1: it is not that of a recording"},
		{"newer", `{"recording":2,"sor":"v9"}` + "\n", "line 1: it is a recording of format 2, by sor v9; this one reads format 1"},
		{"cut off", header + inv[:20], "line 2: it has no end"},
		{"no JSON", header + inv + "{\n", "line 3: it is not JSON: column 2"},
		{"a number", header + "3\n", "line 2: it is no object"},
		{"unknown", header + `{"type":"tea"}` + "\n", `line 2: there are no entries of type "tea"`},
		{"no ID", header + `{"type":"invocation","event":"1"}` + "\n", "line 2: an invocation has a requestId"},
		{"no event", header + `{"type":"invocation","function":"f","requestId":"a"}` + "\n" + outcome, "line 3: its invocation has no event, and no failure says why"},
		{"a body of another kind", header + `{"type":"invocation","requestId":"a","event":{"b":1}}` + "\n", "line 2: a body is a text"},
		{"no base64", header + `{"type":"invocation","requestId":"a","event":{"base64":"!"}}` + "\n", "line 2: a body is a text"},
		{"outcome of nothing", header + outcome, "line 2: the invocation a is not in the file"},
		{"two outcomes", header + inv + outcome + outcome, "line 4: the invocation a has an outcome already"},
		{"no report", header + inv + `{"type":"outcome","function":"f","requestId":"a"}` + "\n", "line 3: an outcome has a report or a failure"},
		{"answer to nothing", header + `{"type":"answer","exchange":3,"status":200}` + "\n", "line 2: the request of exchange 3 is not in the file"},
		{"another type", header + `{"type":"answer","exchange":"3"}` + "\n", "line 2: "},
		{"too long", header + strings.Repeat("x", 65<<20), "line 2: it has over 64 MB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := recording.Open(strings.NewReader(test.text))
			if _, ok := errors.AsType[*recording.LineError](err); !ok || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	refused := `{"type":"invocation","function":"f","requestId":"a","event":""}` + "\n" + `{"type":"outcome","function":"f","requestId":"a","failure":"it was too large"}` + "\n"
	if r := read(t, header+refused); r.Turns[0].Outcome.Failure != "it was too large" {
		t.Errorf("an invocation that was refused unread is %+v", r.Turns[0])
	}
	if r := read(t, header+inv); r.Turns[0].Outcome != nil || r.Turns[0].Line != 2 {
		t.Errorf("an invocation that was cut off is %+v", r.Turns[0])
	}
}

// Lines are whole, whoever writes at once.
func TestWritersAtOnce(t *testing.T) {
	var file bytes.Buffer
	w := recording.NewWriter(&file, newHeader(), nil)
	var under sync.WaitGroup
	for n := range 8 {
		under.Go(func() {
			id := fmt.Sprint(n)
			for range 50 {
				w.Log("hello", frames.Log{RequestID: id}, []byte(strings.Repeat(id, 1000)))
			}
			w.Begin("hello", frames.SupervisorInvoke{ID: id}, []byte(id))
			w.End("hello", id, &emulator.Result{Payload: []byte(id), Report: report("success")}, nil)
		})
	}
	under.Wait()
	for _, turn := range read(t, file.String()).Turns {
		if turn.Outcome == nil || string(turn.Outcome.Payload) != turn.RequestID {
			t.Errorf("invocation %s ended with %+v", turn.RequestID, turn.Outcome)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// An error of writing is told at the end.
func TestWriteErrors(t *testing.T) {
	w := recording.NewWriter(fullDisk{}, newHeader(), nil)
	w.End("hello", "a", nil, errors.New("x"))
	w.Log("hello", frames.Log{}, nil)
	if err := w.Flush(); !errors.Is(err, io.ErrShortWrite) || !strings.HasPrefix(err.Error(), "writing the recording: ") {
		t.Errorf("got %v", err)
	}
}

// What a recording takes of memory does not follow from what is in its events and answers.
func TestLargeRecording(t *testing.T) {
	const n, size = 24, 1 << 20
	file, err := os.Create(filepath.Join(t.TempDir(), "recording"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := recording.NewWriter(file, newHeader(), nil)
	payload := bytes.Repeat([]byte("x"), size)
	for i := range n {
		id := fmt.Sprint(i)
		w.Begin("hello", frames.SupervisorInvoke{ID: id}, payload)
		w.End("hello", id, &emulator.Result{Payload: payload, Report: report("success")}, nil)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	used := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := used()
	r, err := recording.Open(file)
	if err != nil || len(r.Turns) != n {
		t.Fatal(err, r)
	}
	if took := used() - before; took > n*size/4 {
		t.Errorf("it takes %d MB of %d", took>>20, 2*n*size>>20)
	}
	turn, err := r.Turn(r.Turns[12])
	if err != nil || turn.RequestID != "12" || len(turn.Event) != size || len(turn.Outcome.Payload) != size || turn.Line != 2+2*12 {
		t.Errorf("%v, %.300q", err, fmt.Sprint(turn))
	}
	if err := file.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Turn(r.Turns[12]); err == nil || !strings.HasPrefix(err.Error(), "reading the invocation in line 26: ") {
		t.Errorf("of a file that was cut off meanwhile: %v", err)
	}
}
