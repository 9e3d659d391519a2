package conform

// Language runtimes that speak the Runtime API themselves.

import (
	"os"
	"strings"
	"sync"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

type apiSpeaker struct {
	t              *T
	r              *Runtime
	api            *apiServer
	process        *running
	stdout, stderr *capture
}

func (r *Runtime) startAPI(t *T, handler string) *apiSpeaker {
	s := r.beginAPI(t, handler)
	select {
	case <-s.api.asked:
	case document := <-s.api.refused:
		t.Failf("see what it says; --task and --handler-prefix say where its handlers are", "it says that it can't start: %s", document.Error())
	case <-s.process.exited():
		status, _, _ := s.process.end()
		t.Failf("see its log; it lives until it is ended", "it ended (%s) before it asked for an invocation", status)
	case <-t.after(r.Patience):
		t.Failf("ask for GET "+runtimeapi.PathNext+" at http://$AWS_LAMBDA_RUNTIME_API", "it did not ask for an invocation within %v", r.Patience)
	}
	return s
}

// beginAPI starts the program and the API for it.
func (r *Runtime) beginAPI(t *T, handler string) *apiSpeaker {
	api, err := newAPIServer()
	t.must(err)
	var serving sync.WaitGroup
	serving.Go(api.serve)
	t.cleanup(func() {
		api.close()
		serving.Wait()
	})
	var ends [4]*os.File
	for i := range 2 {
		read, write, err := os.Pipe()
		if err != nil {
			closeFiles(ends[:])
		}
		t.must(err)
		ends[i], ends[2+i] = write, read
	}
	command := r.command(handler)
	env := r.environAt(handler, "AWS_LAMBDA_RUNTIME_API="+api.listener.Addr().String())
	process, err := startProcess(command[0], command, env, r.Task, []*os.File{nil, ends[0], ends[1]})
	closeFiles(ends[:2])
	if err != nil {
		closeFiles(ends[2:])
		t.Failf("make it a program that Linux can start", "it can't be started: %v", err)
	}
	s := &apiSpeaker{t: t, r: r, api: api, process: process, stdout: newCapture(ends[2]), stderr: newCapture(ends[3])}
	t.showLog(s.stderr.String)
	t.showLog(s.stdout.String)
	t.cleanup(func() {
		process.kill()
		<-process.exited()
		s.stdout.finish(lastWords)
		s.stderr.finish(lastWords)
	})
	return s
}

// keeps wants that nothing was asked for that AWS would refuse.
func (s *apiSpeaker) keeps() {
	if broken := s.api.breached(); broken != "" {
		s.t.Failf("keep to the Runtime API: next, then response or error with the request ID that came, once, then next", "%s", broken)
	}
}

// hand gives an event to the one who waits for it.
func (s *apiSpeaker) hand(turn turn) {
	select {
	case s.api.turns <- turn:
	case <-s.process.exited():
		status, _, _ := s.process.end()
		s.t.Failf("see its log; it lives from one invocation to the next", "it ended (%s) in place of asking for an invocation", status)
	case <-s.t.after(s.r.Patience):
		s.keeps()
		s.t.Failf("ask for the next invocation when one was answered", "it did not ask for the next invocation within %v", s.r.Patience)
	}
}

func (s *apiSpeaker) ask(turn turn) answer {
	s.hand(turn)
	select {
	case a := <-s.api.answers:
		s.keeps()
		return a
	case <-s.process.exited():
		s.keeps()
		status, _, _ := s.process.end()
		s.t.Failf("see its log; it lives from one invocation to the next", "it ended (%s) in place of an answer", status)
	case <-s.t.after(s.r.Patience):
		s.keeps()
		s.t.Failf(fixTimely, "it did not answer within %v", s.r.Patience)
	}
	return answer{}
}

func (s *apiSpeaker) dies(turn turn) string {
	s.hand(turn)
	select {
	case <-s.process.exited():
	case a := <-s.api.answers:
		if a.failed == nil {
			s.t.Failf("answer with nothing, or with an error, when the process ends", "it answered with a response, though its handler ended the process")
		}
		<-s.t.either(s.process.exited(), s.r.Patience)
	case <-s.t.after(s.r.Patience):
	}
	select {
	case <-s.process.exited():
	default:
		s.t.Failf("let a handler that ends the process end it", "it was still running after a handler ended the process")
	}
	status, _, _ := s.process.end()
	return status
}

// finish wants the process to be still there, waiting: nobody tells it to end.
func (s *apiSpeaker) finish() { s.keeps() }

func (s *apiSpeaker) streams() (stdout, stderr *capture) { return s.stdout, s.stderr }

func (r *Runtime) apiCases() []Case {
	const page = "docs/protocol/runtime-api.md"
	return []Case{
		{"api.next", "init ends with the first GET next", page, r.apiNext},
		{"api.words", "paths, states and request IDs are those of the Runtime API", page, r.apiWords},
		{"api.init-error", "what can't start says so to init/error, and exits", page, r.apiInitError},
	}
}

func (r *Runtime) apiNext(t *T) { r.startAPI(t, r.any()).finish() }

func (r *Runtime) apiWords(t *T) {
	s := r.startAPI(t, r.any())
	for i := range 5 {
		s.ask(r.turnOf(requestID(i), []byte(`{"name":"Ada"}`)))
	}
	s.hand(r.turnOf(requestID(9), []byte(`{}`))) // it came back for more
	s.keeps()
}

func (r *Runtime) apiInitError(t *T) {
	s := r.beginAPI(t, missing(r.any()))
	select {
	case document := <-s.api.refused:
		s.keeps()
		isTold(t, document)
	case <-s.api.asked:
		t.Failf("load the handler before the first GET next", "its handler is not there, and it asked for an invocation")
	case <-s.process.exited():
		t.Failf("post an error document to "+runtimeapi.PathInitError+" before exiting", "its handler is not there, and it ended without a word to init/error")
	case <-t.after(r.Patience):
		t.Failf("post an error document to "+runtimeapi.PathInitError, "its handler is not there, and it said nothing for %v", r.Patience)
	}
	select {
	case <-s.process.exited():
	case <-t.after(r.Grace):
		t.Failf("exit after init/error", "it was still running %v after init/error", r.Grace)
	}
}

// missing names a handler next to another that is not there.
func missing(handler string) string {
	if i := strings.LastIndexByte(handler, '.'); i >= 0 {
		return handler[:i] + ".that_is_not_there"
	}
	return handler + "-that-is-not-there"
}

// isTold wants a type and a message that a person can do something with.
func isTold(t *T, document *runtimeapi.Error) {
	if document.Type == "" || document.Message == "" {
		t.Failf("give the document an errorType and an errorMessage", "its error document does not say both type and message: %s", excerpt(document.JSON()))
	}
}
