package project

// From nodes to a Project: the keys, and the shapes of their values. Nothing stops at the first error.

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serverless/open-runtime/internal/spelling"
)

// decoder goes through a document and notes what is wrong.
type decoder struct {
	*text
	options Options
	project *Project
	values  map[string]*yaml.Node // of the known keys that there are
	meant   map[string]bool       // keys that an unknown one probably is: not to be missed as well
	errors  Errors
}

func newDecoder(t *text, dir string, o Options) *decoder {
	return &decoder{
		text: t, options: o,
		project: &Project{Dir: dir, Memory: 128, Timeout: 3, Tmp: 512, Environment: map[string]string{}},
		values:  map[string]*yaml.Node{}, meant: map[string]bool{},
	}
}

// keys are those of sor.yaml, in the order of the documentation.
var keys = []string{
	"name", "runtime", "target", "handler", "code", "architecture", "middlewares", "layers", "sidecars", "interpreters",
	"extra", "memory", "timeout", "tmp", "environment", "image",
	"unwatched",
}

// synonyms are what people write who come from elsewhere.
var synonyms = map[string]string{
	"env": "environment", "envs": "environment", "variables": "environment", "environmentvariables": "environment",
	"memorysize": "memory", "memory_size": "memory", "ram": "memory", "ephemeralstorage": "tmp", "ephemeralstoragesize": "tmp",
	"arch": "architecture", "codeuri": "code", "src": "code", "source": "code", "functionname": "name", "service": "name",
	"language": "runtime", "main": "handler", "entrypoint": "handler", "plugins": "middlewares", "dockerimage": "image",
	"ignore": "unwatched", "watch": "unwatched", "exclude": "unwatched",
}

// document reads a whole sor.yaml.
func (d *decoder) document(root *yaml.Node) {
	if root.Kind != yaml.MappingNode {
		d.wrong(root, "the least is `runtime: node` and `handler: handler.hello`, a line each", "sor.yaml is %s; it must be keys with values", kind(root))
		return
	}
	d.entries(root, func(key, value *yaml.Node) {
		if !slices.Contains(keys, key.Value) {
			d.unknownKey(key)
			return
		}
		d.values[key.Value] = value
	})
	d.runtime()
	d.target()
	d.architecture()
	d.name()
	d.image()
	d.handler()
	d.sizes()
	d.environment()
	d.layers()
	d.extra()
	d.middlewares()
	d.sidecars()
	d.interpreters()
	d.unwatched()
	d.code()
	d.withoutOpenRuntime()
}

// unknownKey says which key was probably meant.
func (d *decoder) unknownKey(key *yaml.Node) {
	if key.Value == "<<" {
		d.wrong(key, "write the keys out, or give the value a name with & and repeat it with *", "merge keys (<<) are not understood here")
		return
	}
	near := synonyms[strings.ToLower(key.Value)]
	if near == "" {
		near = spelling.Nearest(key.Value, keys)
	}
	if near == "" {
		d.wrong(key, "the keys are "+strings.Join(keys, ", "), "there is no key %s", quote(key.Value))
		return
	}
	d.meant[near] = true
	d.wrong(key, "did you mean "+near+"?", "there is no key %s", quote(key.Value))
}

// wrong notes what is wrong at a node.
func (d *decoder) wrong(at *yaml.Node, hint, format string, args ...any) {
	d.errors = append(d.errors, d.at(at.Line, at.Column, hint, format, args...))
}

// missing notes that a key is not there, unless it probably is, mistyped.
func (d *decoder) missing(key, hint string) {
	if !d.meant[key] {
		d.errors = append(d.errors, Error{File: d.file, Line: 1, Column: 1, Message: "the key " + key + " is missing", Hint: hint})
	}
}

// entries gives the keys and values of a mapping, each key once.
func (d *decoder) entries(mapping *yaml.Node, each func(key, value *yaml.Node)) {
	first := map[string]int{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		at, value := mapping.Content[i], mapping.Content[i+1]
		key := resolve(at)
		if key.Kind != yaml.ScalarNode {
			d.wrong(at, "", "a key is %s; it must be a word", kind(key))
			continue
		}
		if line, ok := first[key.Value]; ok {
			d.wrong(at, "", "the key %s is there twice, first in line %d", quote(key.Value), line)
			continue
		}
		first[key.Value] = at.Line
		each(&yaml.Node{Kind: yaml.ScalarNode, Value: key.Value, Line: at.Line, Column: at.Column}, value)
	}
}

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// scalar gives a text as it is written: 8080 and true are texts too. An empty one is for the caller to judge.
func (d *decoder) scalar(what string, at *yaml.Node) (string, bool) {
	n := resolve(at)
	switch {
	case !d.plainTag(what, at):
	case n.Kind != yaml.ScalarNode:
		d.wrong(at, "", "%s is %s; it must be a text", what, kind(n))
	case n.Tag == "!!null":
		d.wrong(at, "write \"\" for an empty text", "%s has no value", what)
	case strings.ContainsRune(n.Value, 0):
		d.wrong(at, "", "%s has a NUL byte in it", what)
	default:
		return n.Value, true
	}
	return "", false
}

// word gives the value of a key that is a text and not empty. Not there, it is "".
func (d *decoder) word(key string) (value string, at *yaml.Node) {
	at = d.values[key]
	if at == nil {
		return "", nil
	}
	if n := resolve(at); n.Kind == yaml.ScalarNode && strings.TrimSpace(n.Value) == "" {
		d.wrong(at, "remove the key, or give it a value", "%s has no value", key)
		return "", nil
	}
	value, ok := d.scalar(key, at)
	if !ok {
		return "", nil
	}
	return value, at
}

// list gives the entries of a key that is a list; there says whether it is one.
func (d *decoder) list(key string) (entries []*yaml.Node, there bool) {
	at := d.values[key]
	if at == nil {
		return nil, false
	}
	n := resolve(at)
	switch {
	case !d.plainTag(key, at):
	case n.Kind == yaml.SequenceNode:
		return n.Content, true
	case n.Tag == "!!null":
		d.wrong(at, "write `"+key+": []` for none, or remove the key", "%s has no value", key)
	case n.Kind == yaml.ScalarNode:
		entries := strings.FieldsFunc(n.Value, func(r rune) bool { return r == ',' || r == ' ' })
		d.wrong(at, "did you mean `"+key+": ["+strings.Join(entries, ", ")+"]`?", "%s is %s; it must be a list", key, kind(n))
	default:
		d.wrong(at, "an entry is a line that begins with `- `", "%s is %s; it must be a list", key, kind(n))
	}
	return nil, false
}

// mapping gives the node of a key that has keys of its own, or nil. No value is none of them.
func (d *decoder) mapping(key, example string) *yaml.Node {
	at := d.values[key]
	if at == nil || resolve(at).Tag == "!!null" || !d.plainTag(key, at) {
		return nil
	}
	n := resolve(at)
	if n.Kind != yaml.MappingNode {
		d.wrong(at, "as in `"+key+": { "+example+" }`", "%s is %s; it must be keys with values", key, kind(n))
		return nil
	}
	return n
}

// plainTag refuses !Ref and other tags: nothing here would do what they say.
func (d *decoder) plainTag(what string, at *yaml.Node) bool {
	n := resolve(at)
	if n.Style&yaml.TaggedStyle == 0 || n.Tag == "!!str" {
		return true
	}
	d.wrong(at, "write the value itself", "%s has the tag %s, and tags are not understood here", what, quote(n.Tag))
	return false
}

var (
	digits   = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	withUnit = regexp.MustCompile(`^([0-9]+) ?[A-Za-z]+$`)
)

// number reads a whole number within bounds.
func (d *decoder) number(key, unit string, least, most int, into *int) {
	at := d.values[key]
	if at == nil {
		return
	}
	n := resolve(at)
	if !d.plainTag(key, at) {
		return
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!int" && digits.MatchString(n.Value) {
		if value, err := strconv.Atoi(n.Value); err == nil && value >= least && value <= most {
			*into = value
			return
		}
	}
	hint := ""
	if match := withUnit.FindStringSubmatch(n.Value); match != nil {
		hint = fmt.Sprintf("a number without its unit: `%s: %s`", key, match[1])
	} else if n.Tag == "!!str" && digits.MatchString(n.Value) {
		hint = fmt.Sprintf("a number without quotes: `%s: %s`", key, n.Value)
	}
	d.wrong(at, hint, "%s is %s; it must be a whole number of %s, %d to %d", key, kind(n), unit, least, most)
}

// kind says what a node is: a text by itself, a number as it is written.
func kind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "keys with values"
	case n.Tag == "!!null":
		return "empty"
	case n.Tag == "!!str":
		return "the text " + quote(n.Value)
	}
	return strings.Trim(quote(n.Value), `"`)
}
