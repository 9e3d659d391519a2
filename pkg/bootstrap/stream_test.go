//go:build linux

package bootstrap_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
)

// speaksInChunks is a language runtime that streams: an event is a list of words, each of which is a chunk. "wait" waits for a
// file, "fail" ends with an error, "die" with the process, "prelude" is one.
const speaksInChunks = `
chunk() { printf '{"type":"chunk","id":"%s"%s,"length":%d}\n%s' "$id" "$2" "${#1}" "$1" >&3; }
words=${payload//[^a-z ]/}
for word in $words; do
	case $word in
	wait) while [[ ! -e $DIR/go ]]; do read -t 0.01 <> <(:); done ;;
	fail) say error '{"errorType":"Boom","errorMessage":"in the middle"}'; continue 2 ;;
	die) exit 3 ;;
	result) say result '"late"'; continue 2 ;;
	prelude) chunk '' ',"prelude":{"statusCode":418,"headers":{"x":"y"},"cookies":["a=b"]}' ;;
	typed) chunk typed ',"contentType":"text/plain"' ;;
	*) chunk "$word" ;;
	esac
done
printf '{"type":"end","id":"%s"}\n' "$id" >&3`

func streams(t *testing.T, env ...string) (*crowd, *layer) {
	l := newLayer(t).opens(`printf '{"type":"ready","version":1,"capabilities":["stream"]}\n' >&3`, speaksInChunks)
	for _, name := range []string{"buffer", "head", "none"} {
		l.file("middlewares/"+name, "#!/bin/bash\nread -r p\necho \"$SOR_HOOK $SOR_RESPONSE $p\" >>\"$DIR/seen\"\n"+
			`case $SOR_RESPONSE in
			head) echo '{"statusCode":200,"headers":{"via":"head"},"contentType":"text/html"}' ;;
			buffer) echo "<$p>" ;;
			esac`).
			file("middlewares/"+name+".json", `{"hooks":["after"],"response":"`+name+`"}`)
	}
	l.file("middlewares/error", "#!/bin/bash\nread -r p\necho '{\"errorType\":\"Changed\",\"errorMessage\":\"by the hook\"}'\n").
		file("middlewares/error.json", `{"hooks":["error"]}`)
	return newCrowd(t, l, append([]string{"DIR=" + l.opt}, env...)...), l
}

const integration = "application/vnd.awslambda.http-integration-response"

// Chunks reach Lambda as they are made, with the mode in the header.
func TestStreamComesInTime(t *testing.T) {
	t.Parallel()
	c, l := streams(t)
	one := c.invoke("id-1", `"one wait two"`)
	<-one.begun
	if err := os.WriteFile(filepath.Join(l.opt, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	one.says("onetwo")
	if one.streamed[0] != "one" || one.got.Get("Lambda-Runtime-Function-Response-Mode") != "streaming" || one.got.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("got %q with %v", one.streamed, one.got)
	}
	if typed := c.invoke("id-2", `"typed"`).says("typed"); typed.got.Get("Content-Type") != "text/plain" {
		t.Errorf("got %v", typed.got)
	}
	prelude := c.invoke("id-3", `"prelude body"`).says(`{"statusCode":418,"headers":{"x":"y"},"cookies":["a=b"]}` + "\x00\x00\x00\x00\x00\x00\x00\x00body")
	if prelude.got.Get("Content-Type") != integration {
		t.Errorf("got %v", prelude.got)
	}
	if empty := c.invoke("id-4", `""`).says(""); empty.got.Get("Lambda-Runtime-Function-Response-Mode") != "streaming" {
		t.Errorf("got %v", empty.got)
	}
}

// An error in mid-stream is told in trailers; the language runtime lives on if it can.
func TestStreamFails(t *testing.T) {
	t.Parallel()
	c, _ := streams(t)
	for _, test := range []struct{ event, body, errorType, message string }{
		{`"one fail"`, "one", "Function.Unknown", "in the middle"},
		{`"one die"`, "one", "Runtime.ExitError", "exit status 3"},
		{`"one result"`, "one", "Runtime.ProtocolError", "a result in the midst of a stream"},
	} {
		got := c.invoke("id-"+test.errorType, test.event).says(test.body)
		document, err := base64.StdEncoding.DecodeString(got.trailer.Get("Lambda-Runtime-Function-Error-Body"))
		if errorType := got.trailer.Get("Lambda-Runtime-Function-Error-Type"); errorType != test.errorType || err != nil || !strings.Contains(string(document), test.message) {
			t.Errorf("%s: got %s, %s, %v", test.event, errorType, document, err)
		}
	}
	c.invoke("id-3", `"lives"`).says("lives")
}

func TestStreamThroughMiddlewares(t *testing.T) {
	t.Parallel()
	c, l := streams(t, "SLSMIDDLEWARES=head,none")
	got := c.invoke("id-1", `"prelude one"`).says(`{"headers":{"via":"head"},"statusCode":200}` + strings.Repeat("\x00", 8) + "one")
	if got.got.Get("Content-Type") != "text/html" || got.got.Get("Lambda-Runtime-Function-Response-Mode") != "streaming" {
		t.Errorf("got %v", got.got)
	}
	seen, err := os.ReadFile(filepath.Join(l.opt, "seen"))
	want := "after none \nafter head {\"contentType\":\"" + integration + "\",\"cookies\":[\"a=b\"],\"headers\":{\"x\":\"y\"},\"statusCode\":418}\n"
	if err != nil || string(seen) != want {
		t.Errorf("got %q, %v, want %q", seen, err, want)
	}
}

func TestStreamIsCollected(t *testing.T) {
	t.Parallel()
	c, _ := streams(t, "SLSMIDDLEWARES=error,buffer,none")
	if got := c.invoke("id-1", `"one two"`).says("<onetwo>"); got.got.Get("Lambda-Runtime-Function-Response-Mode") != "" {
		t.Errorf("got %v", got.got)
	}
	c.invoke("id-2", `"one fail"`).fails("Function.Unknown", "Changed") // nothing was said yet: a whole error
}

// An error hook changes what the trailers say, and comes too late to handle it.
func TestStreamFailsThroughMiddlewares(t *testing.T) {
	t.Parallel()
	c, _ := streams(t, "SLSMIDDLEWARES=error,none")
	got := c.invoke("id-1", `"one fail"`).says("one")
	document, err := base64.StdEncoding.DecodeString(got.trailer.Get("Lambda-Runtime-Function-Error-Body"))
	if err != nil || !strings.Contains(string(document), "by the hook") {
		t.Errorf("got %s, %v", document, err)
	}
}

// With SOR_TRACE=1 an invocation has one line in the log, and so has init.
func TestTraceLine(t *testing.T) {
	t.Parallel()
	c, _ := streams(t, "SLSMIDDLEWARES=none", "SOR_TRACE=1")
	c.invoke("id-1", `"one two"`).says("onetwo")
	c.fake.stop()
	var found []string
	for line := range strings.Lines(c.fake.log.String()) {
		var record struct {
			Type, RequestID string
			Stages          []frames.Trace
		}
		if json.Unmarshal([]byte(line), &record) != nil || record.Type != "sor.trace" {
			continue
		}
		for _, s := range record.Stages {
			found = append(found, fmt.Sprint(record.RequestID, " ", s.Stage, " ", s.Kind, " ", s.Name, " ", s.Hook, " ", s.BytesIn, " ", s.BytesOut, " ", s.Unchanged))
		}
	}
	want := []string{
		" init frames handler.hello  0 0 false", "id-1 middleware exec none after 0 0 true", "id-1 handler frames handler.hello  9 6 false",
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("%s\nin %s", diff, c.fake.log)
	}
}

// A stream that is asked to stop, and ends after what it was about to say, keeps its language runtime.
func TestStreamHeedsCancel(t *testing.T) {
	t.Parallel()
	l := newLayer(t).opens(`printf '{"type":"ready","version":1,"capabilities":["stream","cancel"]}\n' >&3`, `
		chunk() { printf '{"type":"chunk","id":"%s","length":%d}\n%s' "$id" "${#1}" "$1" >&3; }
		[[ $payload != 1 ]] || { say result $$; continue; }
		chunk one; IFS= read -r -u 4 word; chunk two
		if [[ $payload == 2 ]]; then say error '{"errorType":"Aborted","errorMessage":"stopped"}'; else printf '{"type":"end","id":"%s"}\n' "$id" >&3; fi`)
	c := newCrowd(t, l, "SOR_MARGIN_MS=1500")
	pid := c.invoke("id-1", "1").wait().body
	for _, event := range []string{"2", "3"} {
		got := c.begin("id-"+event, event, 3*time.Second).says("one")
		if errorType := got.trailer.Get("Lambda-Runtime-Function-Error-Type"); errorType != "Function.Timeout" {
			t.Errorf("%s: got %v", event, got.trailer)
		}
	}
	c.invoke("id-4", "1").says(pid)
}
