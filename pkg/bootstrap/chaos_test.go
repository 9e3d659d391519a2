//go:build linux

package bootstrap_test

// Handlers, middlewares and sidecars that crash, hang, flood, close descriptors and fork, at random: each invocation gets exactly one
// answer, the right one for what happened to it, and at the end nothing is left over. make chaos has ten thousand of them.

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Variables of the run.
const (
	envChaos     = "SOR_CHAOS"      // how many invocations in all
	envChaosSeed = "SOR_CHAOS_SEED" // of the words
)

// few is how many invocations there are when nobody says.
const few = 420

// chaotic is one invocation in how many that has words.
const chaotic = 6

// Times of an invocation. Those that are to hang have little of it; all others more than any machine needs.
const (
	hangTime = 1500 * time.Millisecond
	calmTime = 5 * time.Minute
)

// A chaosVariant is a way to set up a function.
type chaosVariant struct {
	name        string
	protocol    string // frames, lines or proxied
	concurrency int
	multiplex   bool
	chain       []link
}

func chaosVariants() []chaosVariant {
	both, all := []string{"before", "after"}, []string{"before", "after", "error"}
	return []chaosVariant{
		{"frames", "frames", 1, false, []link{{"outer", false, false, all}, {"maybe", true, true, both}, {"stay", true, false, all}}},
		{"pool", "frames", 4, false, []link{{"outer", false, true, both}, {"stay", true, false, all}}},
		{"multiplex", "frames", 4, true, []link{{"maybe", true, true, both}, {"stay", true, false, all}}},
		{"streams", "frames", 4, true, []link{{"stay", true, false, []string{"before", "error"}}}},
		{"lines", "lines", 1, false, []link{{"outer", false, false, all}, {"stay", true, false, both}}},
		{"proxied", "proxied", 1, false, []link{{"outer", false, false, both}}},
		{"crowded", "proxied", 4, true, []link{{"stay", true, true, all}}},
	}
}

// words are what a place may be told to do.
func (v chaosVariant) words(place, hook string, l link) []string {
	switch {
	case place == "handler" && v.protocol == "proxied" && v.concurrency > 1: // after a panic AWS's client goes on with one loop fewer
		return strings.Fields("error exit3 exit0 kill wait")
	case place == "handler" && v.protocol == "proxied":
		return strings.Fields("error panic exit3 exit0 kill wait")
	case place == "handler" && v.protocol == "lines":
		return strings.Fields("slow crash exit0 kill hang flood close deaf fork daemon big twice half last")
	case hook == "error":
		return strings.Fields("handle replace crash kill garbage")
	case place != "handler" && !l.persistent && hook == "before":
		return strings.Fields("slow observe crash kill error hang garbage flood noise close fork daemon respond big")
	case place != "handler" && !l.persistent:
		return strings.Fields("slow observe crash kill error hang garbage flood noise close fork daemon big")
	}
	words := strings.Fields("slow crash exit0 kill hang heed flood garbage noid half close fork daemon error big twice stray last")
	switch {
	case place == "handler":
		words = append(words, "stream", "stream", "streamerror", "streamdie")
	case hook == "before":
		words = append(words, "observe", "respond")
	default:
		words = append(words, "observe")
	}
	if !v.multiplex { // with several at once some are lost that nobody could know of
		words = append(words, "deaf")
	}
	return words
}

// id gives one that tells some places to do something, and how long the invocation has.
func (v chaosVariant) id(random *rand.Rand, n int) (id string, timeout time.Duration) {
	id, timeout = fmt.Sprintf("n%d", n), calmTime
	if random.IntN(chaotic) > 0 {
		return id, timeout
	}
	type place struct {
		name, hook string
		link       link
	}
	places := []place{{name: "handler"}, {name: "handler"}}
	var errors []place
	for _, l := range v.chain {
		for _, hook := range l.hooks {
			one := place{l.name + "-" + hook, hook, l}
			if hook == "error" {
				errors = append(errors, one)
			} else {
				places = append(places, one)
			}
		}
	}
	told := func(at place) string {
		words := v.words(at.name, at.hook, at.link)
		word := words[random.IntN(len(words))]
		id += "." + at.name + "-" + word
		return word
	}
	switch told(places[random.IntN(len(places))]) {
	case "hang", "heed", "wait":
		return id, hangTime
	case "streamerror", "streamdie": // what error hooks say of them comes too late
		return id, timeout
	}
	if len(errors) > 0 && random.IntN(2) == 0 {
		told(errors[random.IntN(len(errors))])
	}
	return id, timeout
}

// chaosProgram is the language runtime and all middlewares, compiled once.
var chaosProgram = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sor-chaos-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "chaos")
	build := exec.Command("go", "build", "-o", program, "./testdata/chaos")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", &exec.Error{Name: string(out), Err: err}
	}
	return program, nil
})

// lay makes the layer of a variant, and the list of its middlewares.
func (v chaosVariant) lay(t testing.TB) (l *layer, list string) {
	t.Helper()
	program, err := chaosProgram()
	if err != nil {
		t.Fatal(err)
	}
	l = newLayer(t)
	copied := func(path string) {
		from, err := os.Open(program)
		if err != nil {
			t.Fatal(err)
		}
		defer from.Close()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(l.opt, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		syscall.ForkLock.RLock() // as in layer.file
		defer syscall.ForkLock.RUnlock()
		to, err := os.OpenFile(filepath.Join(l.opt, path), os.O_CREATE|os.O_WRONLY, 0o755)
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		if _, err := io.Copy(to, from); err != nil {
			t.Fatal(err)
		}
	}
	l.file("sidecars/rude.json", `{"critical":false,"ready":{"fd":true},"flush":{"fd":true},"flushTimeoutMs":20}`)
	copied("sidecars/rude")
	var names []string
	for _, m := range v.chain {
		protocol := "exec"
		if m.persistent {
			protocol = "frames/1"
		}
		hooks, err := json.Marshal(m.hooks)
		if err != nil {
			t.Fatal(err)
		}
		l.file("middlewares/"+m.name+".json", fmt.Sprintf(`{"protocol":%q,"hooks":%s,"required":%v}`, protocol, hooks, !m.optional))
		copied("middlewares/" + m.name)
		names = append(names, m.name)
	}
	switch v.protocol {
	case "proxied":
		l.proxied()
	case "frames":
		l.file("language-runtime.json", `{"protocol":"frames/1"}`)
		copied("language-runtime")
	default:
		copied("language-runtime")
	}
	return l, strings.Join(names, ",")
}

// A chaosRun is one run of a variant.
type chaosRun struct {
	t       testing.TB
	variant chaosVariant
	crowd   *crowd
	journal string
	random  *rand.Rand
	waiting []*turn
	done    []*turn
}

func newChaosRun(t testing.TB, v chaosVariant, seed uint64, within time.Duration) *chaosRun {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	t.Cleanup(cancel)
	l, list := v.lay(t)
	journal := filepath.Join(l.task, "journal")
	l.file(journal, "")
	env := []string{"SLSSIDECARS=rude", "SLSMIDDLEWARES=" + list, "CHAOS_JOURNAL=" + journal}
	if v.concurrency > 1 {
		env = append(env, "AWS_LAMBDA_MAX_CONCURRENCY="+strconv.Itoa(v.concurrency))
	}
	if !v.multiplex {
		env = append(env, "CHAOS_SINGLE=1")
	}
	if v.protocol == "lines" {
		env = append(env, "CHAOS_LINES=1")
	}
	r := &chaosRun{
		t: t, variant: v, journal: journal, random: rand.New(rand.NewPCG(seed, uint64(len(v.name)))),
		crowd: newCrowdFor(t, ctx, l, env...),
	}
	t.Cleanup(r.tellStuck)
	return r
}

// tellStuck has a bootstrap that did not answer in time write where it is to its log.
func (r *chaosRun) tellStuck() {
	if r.crowd.ctx.Err() != context.DeadlineExceeded {
		return
	}
	for _, one := range r.waiting {
		r.t.Logf("not answered: %s", one.id)
	}
	_ = r.crowd.fake.cmd.Process.Signal(syscall.SIGQUIT) // it may have ended
	<-r.crowd.fake.exited
}

// run hands over the invocations from n on, and waits for their answers.
func (r *chaosRun) run(from, to int) {
	r.t.Helper()
	for n := from; n < to; n++ {
		id, timeout := r.variant.id(r.random, n)
		event := fmt.Sprintf(`{"op":%q,"nonce":%q,"trail":""}`, wordOf(id, "handler"), id)
		r.waiting = append(r.waiting, r.crowd.begin(id, event, timeout))
		r.collect(false)
	}
	r.collect(true)
}

// collect takes the turns that were answered, or waits for all. What is large is not kept.
func (r *chaosRun) collect(all bool) {
	r.t.Helper()
	var pending []*turn
	for _, one := range r.waiting {
		if all {
			one.wait()
		}
		select {
		case <-one.answered:
			one.streamed = nil
			if document, ok := readDocument(one.body); ok {
				document.Pad = ""
				short, err := json.Marshal(document)
				if err != nil {
					r.t.Fatal(err)
				}
				one.body = string(short)
			}
			r.done = append(r.done, one)
		default:
			pending = append(pending, one)
		}
	}
	r.waiting = pending
}

// chaosDocument is an event and its response, as testdata/chaos has it.
type chaosDocument struct {
	Nonce, Trail, Pad string
}

func readDocument(text string) (d chaosDocument, ok bool) {
	return d, json.Unmarshal([]byte(text), &d) == nil && d.Nonce != ""
}

// check compares all that was answered with what is right.
func (r *chaosRun) check() {
	r.t.Helper()
	m := model{variant: r.variant, journal: readJournal(r.t, r.journal)}
	if r.variant.protocol == "proxied" {
		m.crashed = r.crashedBeside
	}
	words := map[string]int{}
	for _, one := range r.done {
		right := m.outcomes(one.id)
		if !matchesAny(right, one) {
			r.t.Errorf("%s: got %s %s %.400q %v, want one of %+v", one.id, one.kind, one.got.Get("Lambda-Runtime-Function-Error-Type"), one.body, one.trailer, right)
		}
		for word := range strings.SplitSeq(one.id, ".") {
			if at := strings.LastIndexByte(word, '-'); at >= 0 {
				words[word[at+1:]]++
			}
		}
	}
	for place, takes := range m.journal.takes {
		if len(takes) > 1 {
			r.t.Errorf("%s was taken %d times", place, len(takes))
		}
	}
	if len(r.done) > 1000 {
		r.t.Logf("words: %v", words)
	}
}

// crashedBeside says whether a process of AWS's own client, which keeps no journal, may have crashed while it had id.
func (r *chaosRun) crashedBeside(id string) bool {
	if r.variant.concurrency == 1 {
		return false
	}
	own := r.crowd.known[id]
	for _, other := range r.done {
		switch wordOf(other.id, "handler") {
		case "exit3", "exit0", "kill", "panic":
			if other.id != id && other.from.Before(own.to) && own.from.Before(other.to) {
				return true
			}
		}
	}
	return false
}

func matchesAny(right []result, got *turn) bool {
	for _, one := range right {
		if one.matches(got) {
			return true
		}
	}
	return false
}

func (want result) matches(got *turn) bool {
	errorType := got.got.Get("Lambda-Runtime-Function-Error-Type")
	document, isDocument := readDocument(got.body)
	switch {
	case want.failed:
		contains := len(want.texts) == 0
		for _, text := range want.texts {
			contains = contains || strings.Contains(got.body, text)
		}
		return got.kind == "error" && errorType == want.errorType && contains
	case want.cut:
		told, err := base64.StdEncoding.DecodeString(got.trailer.Get("Lambda-Runtime-Function-Error-Body"))
		return got.kind == "response" && got.trailer.Get("Lambda-Runtime-Function-Error-Type") == want.errorType &&
			err == nil && strings.Contains(string(told), got.id)
	case want.raw != "":
		return got.kind == "response" && got.body == want.raw
	}
	return got.kind == "response" && got.trailer.Get("Lambda-Runtime-Function-Error-Type") == "" && isDocument &&
		document.Nonce == got.id && document.Trail == want.trail
}

// held is what a bootstrap at rest holds.
type held struct{ descriptors, goroutines int }

func (r *chaosRun) held(n int) (h held) {
	r.t.Helper()
	h.descriptors = r.crowd.fake.descriptors()
	if err := r.crowd.fake.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		r.t.Fatal(err)
	}
	said := fmt.Sprintf("[test] %d: ", n)
	r.crowd.fake.log.wait(r.t, r.crowd.ctx, said)
	_, count, _ := strings.Cut(r.crowd.fake.log.String(), said)
	if _, err := fmt.Sscan(count, &h.goroutines); err != nil {
		r.t.Fatal(err)
	}
	return h
}

// atRest wants the bootstrap to hold no more than it held before, but for the processes that it may have now in place of
// one: with each come descriptors and goroutines.
func (r *chaosRun) atRest(before held) {
	r.t.Helper()
	pools := 1
	for _, l := range r.variant.chain {
		if l.persistent {
			pools++
		}
	}
	slack := pools*(r.variant.concurrency*4+2) + 12 // and the sidecar
	n := 1
	var now held
	ctx, cancel := context.WithTimeout(r.crowd.ctx, patience)
	defer cancel()
	eventually(r.t, ctx, fmt.Sprintf("it holds no more than %+v and %d", before, slack), func() bool {
		n++
		now = r.held(n)
		return now.descriptors <= before.descriptors+slack && now.goroutines <= before.goroutines+slack
	})
	r.t.Logf("%d invocations; at a third of them %+v, at the end %+v", len(r.done), before, now)
}

func TestChaos(t *testing.T) {
	t.Parallel()
	count, err := strconv.Atoi(cmp.Or(os.Getenv(envChaos), strconv.Itoa(few)))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv(envChaosSeed), strconv.FormatInt(time.Now().UnixNano(), 10)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s=%d %s=%d", envChaos, count, envChaosSeed, seed)
	variants := chaosVariants()
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			each := max(count/len(variants), 3)
			r := newChaosRun(t, v, seed, 2*patience+time.Duration(each)*200*time.Millisecond)
			r.run(0, each/3)
			before := r.held(1)
			r.run(each/3, each)
			r.atRest(before)
			r.crowd.fake.stop()
			r.check()
			if t.Failed() {
				t.Logf("again with %s=%d %s=%d", envChaos, count, envChaosSeed, seed)
			}
		})
	}
}
