//go:build linux

package bootstrap_test

// What the bootstrap must make of an invocation whose children misbehave, computed from the words in its ID and from the
// journal in which the children say what came to them: nothing here looks at what the bootstrap did.

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// A link is a middleware of the chain.
type link struct {
	name       string
	persistent bool
	optional   bool
	hooks      []string
}

func (l link) has(hook string) bool { return slices.Contains(l.hooks, hook) }

// A result is one that an invocation may have.
type result struct {
	failed    bool
	errorType string
	texts     []string // one of them is in the error; none: any will do

	trail string // of a response: who had it
	raw   string // in place of a document
	cut   bool   // it was a stream, and ended with an error
}

func failure(errorType string, texts ...string) result {
	return result{failed: true, errorType: errorType, texts: texts}
}

// Words that make a place answer nothing that is of use, and how it is told of the process.
var (
	exits   = []string{"crash", "exit0", "kill", "half", "streamdie", "exit3"}
	babbles = []string{"garbage", "noid", "close"}
	hangs   = []string{"hang", "heed", "wait"}
)

// A model knows one run.
type model struct {
	variant chaosVariant
	journal journal
	crashed func(id string) bool // whether a proxied runtime crashed while it had this one
}

// outcomes gives all results that would be right.
func (m model) outcomes(id string) []result {
	right := m.enter(id, 0, "")
	for part := range strings.SplitSeq(id, ".") {
		place, word, _ := strings.Cut(part, "-")
		if hook, last, ok := strings.Cut(word, "-"); ok {
			place, word = place+"-"+hook, last
		}
		if slices.Contains(hangs, word) && len(m.journal.broken(id, place)) > 0 { // it came further, with little time left
			right = append(right, failure("Function.Timeout"))
		}
	}
	return right
}

// enter takes an event through the chain from link i on.
func (m model) enter(id string, i int, trail string) []result {
	if i == len(m.variant.chain) {
		return m.handler(id, trail)
	}
	l := m.variant.chain[i]
	var all []result
	for _, one := range m.before(id, i, trail) {
		switch {
		case one.failed, one.raw == "respond":
			one.raw = ""
			all = append(all, one)
		case one.raw == "skip":
			all = append(all, m.enter(id, i+1, trail)...)
		default:
			for _, inner := range m.enter(id, i+1, one.trail) {
				if inner.cut && l.has("after") { // it was collected, and failed before anything was said
					inner.failed, inner.cut = true, false
				}
				switch {
				case inner.failed:
					all = append(all, m.onError(id, i, inner)...)
				case inner.cut || !l.has("after"):
					all = append(all, inner)
				default:
					all = append(all, m.after(id, i, inner)...)
				}
			}
		}
	}
	return all
}

// before gives what becomes of an event. raw tells of what is no event: "respond" or "skip".
func (m model) before(id string, i int, trail string) []result {
	l := m.variant.chain[i]
	if !l.has("before") {
		return []result{{trail: trail}}
	}
	place := l.name + "-before"
	word := m.word(id, place)
	own := m.hook(id, i, "before", word)
	switch {
	case own.failed:
	case word == "respond":
		own = result{trail: trail + place + " ", raw: "respond"}
	case word == "observe", !l.persistent && word == "close":
		own = result{trail: trail}
	default:
		own = result{trail: trail + place + " "}
	}
	return m.perhapsSkipped(l, append(m.broken(id, i, "before"), own), result{raw: "skip"})
}

func (m model) after(id string, i int, response result) []result {
	l := m.variant.chain[i]
	place := l.name + "-after"
	word := m.word(id, place)
	own := m.hook(id, i, "after", word)
	switch {
	case own.failed:
	case !l.persistent && word == "garbage":
		own = result{raw: "this is no frame, nor JSON, and it has no end"}
	case word == "observe", !l.persistent && word == "close", response.raw != "":
		own = response
	default:
		own = response
		own.trail += place + " "
	}
	return m.perhapsSkipped(l, append(m.broken(id, i, "after"), own), response)
}

// perhapsSkipped puts another in the place of what an optional middleware failed with. Time that is over is never skipped.
func (m model) perhapsSkipped(l link, results []result, instead result) []result {
	for i, one := range results {
		if l.optional && one.failed && one.errorType != "Function.Timeout" {
			results[i] = instead
		}
	}
	return results
}

func (m model) onError(id string, i int, given result) []result {
	l := m.variant.chain[i]
	if !l.has("error") {
		return []result{given}
	}
	own := given
	switch wordOf(id, l.name+"-error") {
	case "handle":
		own = result{trail: "handled "}
	case "replace":
		own = failure("Function.Replaced", id)
	}
	if len(m.broken(id, i, "error")) > 0 { // it failed, and hides nothing
		return []result{own, given}
	}
	return []result{own}
}

// hook gives how a hook fails by its own word, if it does.
func (m model) hook(id string, i int, hook, word string) result {
	l := m.variant.chain[i]
	told := fmt.Sprintf("middleware %s, %s: ", l.name, hook)
	switch {
	case slices.Contains(hangs, word):
		return failure("Function.Timeout", m.stages(i, hook)...)
	case slices.Contains(exits, word):
		return failure("Runtime.MiddlewareError", told)
	case l.persistent && word == "error":
		return failure("Function.Chaos", id)
	case l.persistent && slices.Contains(babbles, word), word == "error":
		return failure("Runtime.MiddlewareError", told)
	case !l.persistent && (word == "flood" || word == "garbage" && hook == "before"):
		return failure("Runtime.MiddlewareError", told)
	}
	return result{}
}

func (m model) handler(id, trail string) []result {
	own, word := result{trail: trail + "handler "}, m.word(id, "handler")
	switch {
	case m.variant.protocol == "proxied":
		own.trail = trail // AWS's own client leaves no mark
		switch word {
		case "error":
			own = failure("Function.Unknown", "out of cheese")
		case "panic":
			own = failure("Function.Unknown", "mice")
		}
	case word == "error":
		own = failure("Function.Chaos", id)
	case word == "streamerror":
		own = result{cut: true, errorType: "Function.Chaos"}
	case word == "streamdie":
		own = result{cut: true, errorType: "Runtime.ExitError"}
	case slices.Contains(babbles, word):
		own = failure("Runtime.ProtocolError", "language runtime, before it answered: ")
	}
	switch {
	case slices.Contains(hangs, word):
		own = failure("Function.Timeout", m.stages(len(m.variant.chain), "")...)
	case slices.Contains(exits, word) && word != "streamdie":
		own = failure("Runtime.ExitError", "RequestId: "+id)
	}
	return append(m.broken(id, len(m.variant.chain), ""), own)
}

// broken gives how a persistent place may fail because another invocation, in the same process at the same time, broke it.
func (m model) broken(id string, i int, hook string) (results []result) {
	if i == len(m.variant.chain) {
		if m.crashed != nil && m.crashed(id) {
			results = append(results, failure("Runtime.ExitError", "RequestId: "+id))
		}
		for _, how := range m.journal.broken(id, "handler") {
			broken := failure("Runtime.ExitError", "RequestId: "+id)
			if how == "protocol" {
				broken = failure("Runtime.ProtocolError", "language runtime, before it")
			}
			results = append(results, broken)
			if strings.HasPrefix(wordOf(id, "handler"), "stream") {
				results = append(results, result{cut: true, errorType: broken.errorType})
			}
		}
		return results
	}
	l := m.variant.chain[i]
	if l.persistent && len(m.journal.broken(id, l.name+"-"+hook)) > 0 {
		results = append(results, failure("Runtime.MiddlewareError", fmt.Sprintf("middleware %s, %s: ", l.name, hook)))
	}
	return results
}

// stages names all in which the time of an invocation may end when it is to end at link i: on a machine that is busy, before
// it comes there.
func (m model) stages(i int, hook string) (names []string) {
	for at, l := range m.variant.chain {
		if at < i || at == i && hook == "before" || hook == "after" {
			names = append(names, "middleware "+l.name+", before: ")
		}
		if hook == "after" && at >= i {
			names = append(names, "middleware "+l.name+", after: ")
		}
	}
	if hook != "before" {
		names = append(names, "handler handler.hello", "the language runtime did not load its handler")
	}
	return names
}

// word is what a place did. One that stays closes nothing that a daemon of its own holds too.
func (m model) word(id, place string) string {
	word := wordOf(id, place)
	name, _, _ := strings.Cut(place, "-")
	stays := name == "handler" || slices.ContainsFunc(m.variant.chain, func(l link) bool { return l.name == name && l.persistent })
	if word == "close" && stays && !m.journal.ended(id) {
		return "ok"
	}
	return word
}

// wordOf is what an ID tells a place to do.
func wordOf(id, place string) string {
	for part := range strings.SplitSeq(id, ".") {
		if word, ok := strings.CutPrefix(part, place+"-"); ok && !strings.Contains(word, "-") {
			return word
		}
	}
	return "ok"
}

// A journal is what the children say of themselves, in order.
type journal struct {
	takes map[string][]taken // by place and ID
	ends  map[string][]end   // by process
}

type taken struct {
	pid  string
	line int
}

type end struct {
	id, how string // exit or protocol
	line    int
}

func readJournal(t testing.TB, path string) journal {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	j := journal{takes: map[string][]taken{}, ends: map[string][]end{}}
	for n, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		var pid, place, id, what string
		if _, err := fmt.Sscan(line, &pid, &place, &id, &what); err != nil {
			continue // empty: nothing persistent was asked
		}
		if what == "take" {
			j.takes[place+" "+id] = append(j.takes[place+" "+id], taken{pid, n})
		} else {
			j.ends[pid] = append(j.ends[pid], end{id, what, n})
		}
	}
	return j
}

// ended says whether an invocation ended a process.
func (j journal) ended(id string) bool {
	for _, ends := range j.ends {
		if slices.ContainsFunc(ends, func(e end) bool { return e.id == id }) {
			return true
		}
	}
	return false
}

// broken says how the process that took an invocation ended after it took it, if others had a part in it: an answer that was
// given last is lost when another one closed the pipe before.
func (j journal) broken(id, place string) (how []string) {
	for _, take := range j.takes[place+" "+id] {
		var ends []string
		others := false
		for _, end := range j.ends[take.pid] {
			if end.line > take.line {
				others = others || end.id != id
				ends = append(ends, end.how)
			}
		}
		if others {
			how = append(how, ends...)
		}
	}
	slices.Sort(how)
	return slices.Compact(how)
}
