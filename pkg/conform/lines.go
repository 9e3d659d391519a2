package conform

// The lines of 2018: an event a line on stdin, a response a line on stdout.

import (
	"bytes"
	"encoding/json"
	"os"
	"time"
)

type linesSpeaker struct {
	t              *T
	r              *Runtime
	process        *running
	stdin          *os.File
	stdout, stderr *capture
	taken          int // bytes of stdout
}

func (r *Runtime) startLines(t *T, handler string) *linesSpeaker {
	var ends [6]*os.File
	for i := range 3 {
		in, out, err := os.Pipe()
		if err != nil {
			closeFiles(ends[:])
		}
		t.must(err)
		if i > 0 {
			in, out = out, in
		}
		ends[i], ends[3+i] = in, out
	}
	command := r.command(handler)
	process, err := startProcess(command[0], command, r.environAt(handler), r.Task, ends[:3])
	closeFiles(ends[:3])
	if err != nil {
		closeFiles(ends[3:])
		t.Failf("make it a program that Linux can start", "it can't be started: %v", err)
	}
	s := &linesSpeaker{t: t, r: r, process: process, stdin: ends[3], stdout: newCapture(ends[4]), stderr: newCapture(ends[5])}
	t.showLog(s.stderr.String)
	t.cleanup(func() {
		process.kill()
		<-process.exited()
		s.stdin.Close()
		s.stdout.finish(lastWords)
		s.stderr.finish(lastWords)
	})
	return s
}

func (s *linesSpeaker) send(event []byte) {
	var line bytes.Buffer
	s.t.must(json.Compact(&line, event))
	line.WriteByte('\n')
	s.stdin.SetWriteDeadline(time.Now().Add(s.r.Patience))
	if _, err := s.stdin.Write(line.Bytes()); os.IsTimeout(err) {
		s.t.Failf("read an event from stdin whenever one was answered", "it stopped reading stdin for %v in the midst of an event", s.r.Patience)
	}
}

func (s *linesSpeaker) ask(turn turn) answer {
	s.send(turn.event)
	ended := func(data []byte) bool { return bytes.IndexByte(data[s.taken:], '\n') >= 0 }
	if !s.stdout.await(s.r.Patience, ended) {
		select {
		case <-s.process.exited():
			status, _, _ := s.process.end()
			s.t.Failf("see its log; it lives from one event to the next", "it ended (%s) in place of a response", status)
		default:
		}
		s.t.Failf("print a response on one line, with a newline at its end, and flush stdout", "it printed no line on stdout for %v", s.r.Patience)
	}
	data := s.stdout.bytes()[s.taken:]
	line := data[:bytes.IndexByte(data, '\n')]
	s.taken += len(line) + 1
	return answer{payload: line}
}

func (s *linesSpeaker) dies(turn turn) string {
	s.send(turn.event)
	select {
	case <-s.process.exited():
	case <-s.t.after(s.r.Patience):
		s.t.Failf("exit when there is no response: it is the only way to say an error", "it was still running %v after a handler ended the process", s.r.Patience)
	}
	status, _, _ := s.process.end()
	return status
}

// finish wants that there was a line for each event and no more.
func (s *linesSpeaker) finish() {
	s.stdin.Close()
	select {
	case <-s.process.exited():
	case <-s.t.after(s.r.Grace):
		s.process.kill() // no contract says what the end of stdin means
		<-s.process.exited()
	}
	s.stdout.settle(lastWords)
	if extra := s.stdout.bytes()[s.taken:]; len(extra) > 0 {
		s.t.Failf("print one line for each event, and what is a log on stderr", "it printed more on stdout than one line for each event: %s", excerpt(extra))
	}
}

func (s *linesSpeaker) streams() (stdout, stderr *capture) { return s.stdout, s.stderr }

func (r *Runtime) linesCases() []Case {
	return []Case{
		{"lines.one-each", "an event a line, a response a line", pageRuntime, r.oneLineEach},
	}
}

func (r *Runtime) oneLineEach(t *T) {
	s := r.startLines(t, r.any())
	for range 3 {
		s.ask(r.turnOf("1", linesEvent))
	}
	s.finish()
}
