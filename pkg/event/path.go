package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A path names a place in an event: Records[0].body, requestContext["a name"], or with [*] each element of a list.

// A PathError is a path that leads nowhere.
type PathError struct {
	Path    string
	Place   string // how far it leads, as a path; "" for the event itself
	Cause   string
	Instead string // the path that was probably meant; "" for none
}

func (e *PathError) Error() string { return fmt.Sprintf("path %s: %s", e.Path, e.Cause) }

// A Novelty is a name that an assignment added to an object, which has others: perhaps one of them was meant.
type Novelty struct {
	Place, Name string
	Others      []string
}

// step is one part of a path: a name, or an index; each is -1 as an index.
type step struct {
	name  string
	index int
	named bool
}

const each = -1

func (s step) String() string {
	switch {
	case !s.named && s.index == each:
		return "[*]"
	case !s.named:
		return fmt.Sprintf("[%d]", s.index)
	case s.name == "" || strings.ContainsAny(s.name, `.[]="`+" "):
		return fmt.Sprintf("[%q]", s.name)
	}
	return "." + s.name
}

func join(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(s.String())
	}
	return strings.TrimPrefix(b.String(), ".")
}

// parsePath reads a path up to its end, or to the = of an assignment, and gives what is left.
func parsePath(text string) (steps []step, rest string, err error) {
	rest = text
	for rest != "" && rest[0] != '=' {
		var s step
		if rest[0] == '[' {
			s, rest, err = parseBracket(rest)
		} else {
			s, rest, err = parseName(rest, len(steps) == 0)
		}
		if err != nil {
			return nil, rest, &PathError{Path: text, Place: join(steps), Cause: err.Error()}
		}
		steps = append(steps, s)
	}
	if len(steps) == 0 {
		return nil, rest, &PathError{Path: text, Cause: "it is empty"}
	}
	return steps, rest, nil
}

func parseName(text string, first bool) (s step, rest string, err error) {
	if rest = text; !first {
		if rest[0] != '.' {
			return s, rest, fmt.Errorf("a . or a [ is needed before %q", rest)
		}
		rest = rest[1:]
	}
	end := strings.IndexAny(rest, ".[=")
	if end < 0 {
		end = len(rest)
	}
	if end == 0 {
		return s, rest, fmt.Errorf("a name is missing before %q", rest)
	}
	return step{name: rest[:end], named: true}, rest[end:], nil
}

func parseBracket(text string) (s step, rest string, err error) {
	if quoted, err := strconv.QuotedPrefix(text[1:]); err == nil && quoted[0] == '"' {
		name, _ := strconv.Unquote(quoted)
		rest, ok := strings.CutPrefix(text[1+len(quoted):], "]")
		if !ok {
			return s, rest, fmt.Errorf("a ] is missing after [%s", quoted)
		}
		return step{name: name, named: true}, rest, nil
	}
	inner, rest, ok := strings.Cut(text[1:], "]")
	if !ok {
		return s, rest, fmt.Errorf("a ] is missing after %s", text)
	}
	if inner == "*" {
		return step{index: each}, rest, nil
	}
	index, err := strconv.ParseUint(inner, 10, 31)
	if err != nil {
		return s, rest, fmt.Errorf(`[%s] is no index; a name that is none of letters goes in quotes: ["%s"]`, inner, strings.Trim(inner, `"'`))
	}
	return step{index: int(index)}, rest, nil
}

// An editor changes the value at a path.
type editor struct {
	path      string
	steps     []step
	edit      func(old any) (any, error)
	create    bool // make what is missing on the way
	novelties []Novelty
}

// change gives the tree with each value at the path, which is there, edited.
func change(tree any, path string, edit func(old any) (any, error)) (any, error) {
	steps, _, err := parsePath(path)
	if err != nil {
		return nil, err
	}
	e := &editor{path: path, steps: steps, edit: edit}
	return e.at(tree, 0)
}

// at changes value, to which the first steps lead.
func (e *editor) at(value any, done int) (any, error) {
	if done == len(e.steps) {
		return e.edit(value)
	}
	next := e.steps[done]
	if value == nil && e.create {
		if value = any([]any{}); next.named {
			value = newObject()
		}
	}
	switch v := value.(type) {
	case *object:
		return e.inObject(v, done)
	case []any:
		return e.inList(v, done)
	}
	return nil, e.wrong(done, "%s is %s, and has no %s", e.place(done), kind(value), strings.TrimPrefix(next.String(), "."))
}

func (e *editor) inObject(o *object, done int) (any, error) {
	next := e.steps[done]
	if !next.named {
		return nil, e.wrong(done, "%s is an object, and has no %s; its names: %s", e.place(done), next, strings.Join(o.names, ", "))
	}
	old, ok := o.values[next.name]
	if !ok && !e.create {
		return nil, e.wrong(done, "%s has no %s", e.place(done), next.name)
	}
	value, err := e.at(old, done+1)
	if err != nil {
		return nil, err
	}
	if !ok && len(o.names) > 0 {
		e.novelties = append(e.novelties, Novelty{Place: join(e.steps[:done]), Name: next.name, Others: slices.Clone(o.names)})
	}
	o.put(next.name, value)
	return o, nil
}

func (e *editor) inList(list []any, done int) (any, error) {
	next := e.steps[done]
	if next.named {
		err := e.wrong(done, "%s is a list of %d; say which: %s[0]", e.place(done), len(list), join(e.steps[:done]))
		err.Instead = join(slices.Insert(slices.Clone(e.steps), done, step{}))
		return nil, err
	}
	if next.index > len(list) || next.index == len(list) && !e.create {
		return nil, e.wrong(done, "%s is a list of %d, and the next would be [%d]", e.place(done), len(list), len(list))
	}
	first, end := next.index, next.index+1
	if next.index == each {
		first, end = 0, len(list)
	}
	if end > len(list) {
		list = append(list, nil)
	}
	for i := first; i < end; i++ {
		value, err := e.at(list[i], done+1)
		if err != nil {
			return nil, err
		}
		list[i] = value
	}
	return list, nil
}

func (e *editor) place(done int) string {
	if done == 0 {
		return "the event"
	}
	return join(e.steps[:done])
}

func (e *editor) wrong(done int, cause string, args ...any) *PathError {
	return &PathError{Path: e.path, Place: join(e.steps[:done]), Cause: fmt.Sprintf(cause, args...)}
}

// kind says what a value is, to a person.
func kind(value any) string {
	switch value.(type) {
	case *object:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case bool:
		return "true or false"
	}
	return "null"
}
