package docker

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/owner"
)

func TestFollowPull(t *testing.T) {
	const good = `{"status":"Pulling from lambda/provided","id":"al2023"}
{"status":"Pulling fs layer","progressDetail":{},"id":"a"}
{"status":"Downloading","progressDetail":{"current":10,"total":100},"id":"a"}
{"status":"Downloading","progressDetail":{"current":5,"total":50},"id":"b"}
{"status":"Download complete","progressDetail":{},"id":"a"}
{"status":"Extracting","progressDetail":{"current":1,"total":100},"id":"a"}
{"status":"Pull complete","progressDetail":{},"id":"b"}
`
	var got [][2]int64
	if err := followPull(strings.NewReader(good), func(done, total int64) { got = append(got, [2]int64{done, total}) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][2]int64{{10, 100}, {15, 150}, {105, 150}, {150, 150}}, got); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	for stream, want := range map[string]string{
		`{"errorDetail":{"message":"denied"},"error":"denied"}`: "denied",
		`{"status":`: "unexpected EOF",
	} {
		if err := followPull(strings.NewReader(stream), func(int64, int64) {}); err == nil || err.Error() != want {
			t.Errorf("followPull(%q): %v; want %s", stream, err, want)
		}
	}
}

func TestLeftBehind(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name string
		c    container.Summary
		want bool
	}{
		{"of a process that is gone", container.Summary{State: "running", Labels: map[string]string{labelHost: "me", labelOwner: "999999999-1"}}, true},
		{"of this one", container.Summary{State: "running", Labels: map[string]string{labelHost: "me", labelOwner: owner.Mark()}}, false},
		{"of another machine", container.Summary{State: "running", Created: now.Add(-48 * time.Hour).Unix(), Labels: map[string]string{labelHost: "you", labelOwner: "999999999-1"}}, false},
		{"of another machine, just made", container.Summary{State: "created", Created: now.Unix(), Labels: map[string]string{labelHost: "you", labelOwner: "999999999-1"}}, false},
		{"of another machine, never started", container.Summary{State: "created", Created: now.Add(-2 * time.Hour).Unix(), Labels: map[string]string{labelHost: "you", labelOwner: "999999999-1"}}, true},
	} {
		if got := leftBehind(test.c, "me", now); got != test.want && (owner.Gone("999999999-1") || !test.want) {
			t.Errorf("%s: leftBehind = %v", test.name, got)
		}
	}
}

func TestQueue(t *testing.T) {
	q := newQueue()
	large := bytes.Repeat([]byte("0123456789abcdef"), 4*queueLimit/16)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for chunk := large; len(chunk) > 0; chunk = chunk[min(len(chunk), 32<<10):] {
			_, _ = q.Write(chunk[:min(len(chunk), 32<<10)])
		}
		q.end(nil)
	}()
	got, err := io.ReadAll(q)
	if err != nil || !bytes.Equal(got, large) {
		t.Errorf("read %d bytes of %d: %v", len(got), len(large), err)
	}
	<-written

	q = newQueue()
	written = make(chan struct{})
	go func() {
		defer close(written)
		for range 3 {
			_, _ = q.Write(make([]byte, queueLimit))
		}
		q.end(errors.New("cut"))
	}()
	q.unbound() // the writer ends though nobody reads
	<-written
	if n, err := io.Copy(io.Discard, q); n != 3*queueLimit || err == nil || err.Error() != "cut" {
		t.Errorf("read %d bytes: %v", n, err)
	}
}
