//go:build linux

package supervisor_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// What goes over the wire comes to the host too, bodies and all, each answer with the number of its request.
func TestRecords(t *testing.T) {
	var mu sync.Mutex
	var got []string
	p := newPuppet(t, func(s *setup) {
		s.host.Config.Record = true
		s.host.Record = func(r frames.Record, body []byte) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, fmt.Sprintf("%d %s%s%s %s", r.Exchange, r.Method, r.Path, statusText(r.Status), body))
			if r.TimeUs == 0 || r.Header == nil {
				t.Errorf("%+v", r)
			}
		}
	})
	p.turn(`{"a":1}`, func(said) { p.respond(`"b"`) })
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	post := "POST" + runtimeapi.PathInvocation + requestID + runtimeapi.SuffixResponse
	want := []string{
		"1 GET" + runtimeapi.PathNext + " ", "1 = 200 " + `{"a":1}`,
		"2 " + post + ` "b"`, "2 = 202 " + `{"status":"OK"}` + "\n", "3 GET" + runtimeapi.PathNext + " ",
	}
	mu.Lock()
	defer mu.Unlock()
	equal(t, "records", got[:min(len(got), len(want))], want)
}

func statusText(status int) string {
	if status == 0 {
		return ""
	}
	return fmt.Sprintf("= %d", status)
}
