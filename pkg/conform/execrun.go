package conform

// One run of a hook as a process: the contract of 2018.

import (
	"os"
	"strconv"
	"time"

	"github.com/serverless/open-runtime/internal/manifest"
)

// An execRun is how one run went.
type execRun struct {
	hook, status       string
	success, signalled bool
	timedOut           bool
	took               time.Duration
	stdout, response   []byte // less the one newline
	raw                []byte // stdout as it came
	stderr             *capture
	holders            []int // processes that have a pipe of the run open after its end
}

// lastWords is how long a pipe that somebody else holds is read after the exit.
const lastWords = 50 * time.Millisecond

type execOptions struct {
	env     []string
	unread  bool // nothing is written to stdin, and it is kept open
	eofOnly bool // stdin is closed at once
}

// exec does the equivalent of echo "$input" | NAME hook.
func (m *Middleware) exec(t *T, hook string, input []byte, o execOptions) execRun {
	var ours, theirs []*os.File
	for i := range 4 {
		if i == 3 && hook == manifest.HookAfter {
			break
		}
		r, w, err := os.Pipe()
		if err != nil {
			closeFiles(ours)
			closeFiles(theirs)
		}
		t.must(err)
		if i == 0 {
			r, w = w, r
		}
		ours, theirs = append(ours, r), append(theirs, w)
	}
	env := o.env
	if env == nil {
		env = m.environ(m.told(hook)...)
	}
	start := time.Now()
	process, err := startProcess(m.Path, []string{m.Path, hook}, env, m.Dir, theirs)
	closeFiles(theirs)
	if err != nil {
		closeFiles(ours)
		t.Failf("make it a program that Linux can start", "it can't be started: %v", err)
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		switch {
		case o.unread:
			return
		case !o.eofOnly:
			// It may leave stdin unread, so no error of writing matters.
			_, _ = ours[0].Write(append(input[:len(input):len(input)], '\n'))
		}
		ours[0].Close()
	}()
	captures := []*capture{}
	for _, file := range ours[1:] {
		captures = append(captures, newCapture(file))
	}
	t.showLog(captures[1].String)
	run := execRun{hook: hook, stderr: captures[1]}
	run.timedOut = !m.awaitExec(t, process)
	run.took = time.Since(start)
	run.holders = lastingHolders(process, ours[1:])
	for _, pid := range run.holders {
		t.cleanup(func() { killProcess(pid) })
	}
	ours[0].SetWriteDeadline(time.Unix(1, 0))
	<-fed
	ours[0].Close()
	for _, c := range captures {
		c.finish(lastWords)
	}
	run.status, run.success, run.signalled = process.end()
	run.raw = captures[0].bytes()
	run.stdout = trimNewline(run.raw)
	if len(captures) > 2 {
		run.response = trimNewline(captures[2].bytes())
	}
	return run
}

// awaitExec waits for the exit, and brings it about when the time is over; it says whether it came by itself.
func (m *Middleware) awaitExec(t *T, process *running) bool {
	timer := time.NewTimer(m.limit())
	defer timer.Stop()
	select {
	case <-process.exited():
		return true
	case <-t.ctx.Done():
	case <-timer.C:
	}
	process.kill()
	<-process.exited()
	return false
}

// told are the variables of one run.
func (m *Middleware) told(hook string) []string {
	told := []string{
		"SOR_HOOK=" + hook, "SOR_MIDDLEWARE=" + m.Name, "SOR_REQUEST_ID=" + requestID(1),
		"SOR_DEADLINE_MS=" + strconv.FormatInt(time.Now().Add(m.limit()).UnixMilli(), 10),
		"SOR_FUNCTION_ARN=" + functionARN,
	}
	if hook == manifest.HookAfter {
		told = append(told, "SOR_RESPONSE=buffer")
	}
	return told
}

func trimNewline(data []byte) []byte {
	if n := len(data); n > 0 && data[n-1] == '\n' {
		return data[:n-1]
	}
	return data
}

// outcome says in a word what a run meant.
func (r execRun) outcome() string {
	switch {
	case !r.success:
		return "failure (" + r.status + ")"
	case len(r.response) > 0:
		return "early response"
	case len(r.stdout) > 0:
		return "replaced"
	}
	return "unchanged"
}
