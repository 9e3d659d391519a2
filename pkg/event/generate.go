package event

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// An Edit is what one likes in a sample. The zero Edit changes nothing.
type Edit struct {
	Options map[string]string // by name; Sample.Options lists those that it has
	Count   int               // records; 0 for as many as the sample has
	Now     time.Time         // when it happens; the zero time for SampleTime
	Set     []Assignment      // in their order, over everything else
}

// An Assignment is a value at a path.
type Assignment struct {
	path  string
	steps []step
	value any
}

// ParseAssignment reads PATH=VALUE. The value is JSON where it parses, unless it is to be a string whatever it looks like.
func ParseAssignment(text string, isString bool) (Assignment, error) {
	steps, rest, err := parsePath(text)
	if err != nil {
		return Assignment{}, err
	}
	if rest == "" {
		return Assignment{}, fmt.Errorf("%s has no value: PATH=VALUE is needed", text)
	}
	if !utf8.ValidString(text) {
		return Assignment{}, fmt.Errorf("%q is no UTF-8, which is all that JSON carries", text)
	}
	a := Assignment{path: text[:len(text)-len(rest)], steps: steps, value: rest[1:]}
	if !isString {
		a.value = loose(rest[1:])
	}
	return a, nil
}

// loose reads a value that is JSON, or else a string.
func loose(text string) any {
	if !json.Valid([]byte(text)) { // first: it bounds the depth
		return text
	}
	value, err := parse([]byte(text))
	if err != nil {
		return text
	}
	return value
}

// Generate makes an event of the sample. Novelties are names that Set added to objects with others.
func (s Sample) Generate(e Edit) (event []byte, novelties []Novelty, err error) {
	tree, err := s.tree()
	if err != nil {
		return nil, nil, err
	}
	if !e.Now.IsZero() {
		tree = at(tree, e.Now)
	}
	if e.Count != 0 {
		if tree, err = s.repeat(tree, e.Count); err != nil {
			return nil, nil, err
		}
	}
	if tree, err = s.apply(tree, e.Options); err != nil {
		return nil, nil, err
	}
	stale := digests(tree, map[*object]any{})
	if tree, novelties, err = assign(tree, e.Set); err != nil {
		return nil, nil, err
	}
	digest(stale)
	if s.packed != "" {
		tree = repack(tree, s.packed)
	}
	event, err = format(tree)
	return event, novelties, err
}

// Set makes assignments in any event.
func Set(event []byte, set []Assignment) (changed []byte, novelties []Novelty, err error) {
	if len(set) == 0 {
		return event, nil, nil
	}
	tree, err := parse(event)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the event: %w", err)
	}
	if tree, novelties, err = assign(tree, set); err != nil {
		return nil, nil, err
	}
	changed, err = format(tree)
	return changed, novelties, err
}

func assign(tree any, set []Assignment) (_ any, novelties []Novelty, err error) {
	for _, a := range set {
		e := &editor{path: a.path, steps: a.steps, create: true, edit: func(any) (any, error) { return clone(a.value), nil }}
		if tree, err = e.at(tree, 0); err != nil {
			return nil, nil, err
		}
		novelties = append(novelties, e.novelties...)
	}
	return tree, novelties, nil
}

const md5OfBody = "md5OfBody"

// digests finds the objects of a sample that have the MD5 of their body, as messages of SQS have.
func digests(value any, found map[*object]any) map[*object]any {
	switch v := value.(type) {
	case *object:
		if sum, ok := v.values[md5OfBody]; ok {
			found[v] = sum
		}
		for _, inner := range v.values {
			digests(inner, found)
		}
	case []any:
		for _, inner := range v {
			digests(inner, found)
		}
	}
	return found
}

// digest computes those again that nobody assigned: who assigns one means it.
func digest(stale map[*object]any) {
	for o, sum := range stale {
		if body, ok := o.values["body"].(string); ok && o.values[md5OfBody] == sum {
			sum := md5.Sum([]byte(body))
			o.put(md5OfBody, hex.EncodeToString(sum[:]))
		}
	}
}

// repack packs what was unpacked. What is no longer there, an assignment took away.
func repack(tree any, path string) any {
	if packed, err := change(tree, path, pack); err == nil {
		return packed
	}
	return tree
}
