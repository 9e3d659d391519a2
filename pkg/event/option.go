package event

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An Option is what a sample lets one choose by a name.
type Option struct {
	Name, About, Default string
	Content              bool // its value may be long, and come from a file
}

// choice is an option of the samples that its patterns match, as SERVICE/EVENT.
type choice struct {
	samples     string
	name, about string

	// Either each text in the event that is like, whose %s stands for the value, and the value that the sample has …
	like, initial string
	// … or what is at the paths, in an encoding: the first is where the value is seen.
	paths    []string
	encoding encoding
}

// encoding is how a value is written into an event.
type encoding int

const (
	plain       encoding = iota
	jsonValue            // JSON where it parses
	inBase64             // bytes as base64
	compressed           // compressed, as base64
	urlKey               // a key of S3, percent-encoded but for its slashes
	slashless            // without the slash at its beginning; only with like
	httpBody             // the body of a request: with what says whether it is base64, and its length
	stage2               // a stage of an HTTP API: also in its paths
	queryValues          // an object of JSON, and the lists beside it
)

// content says whether a value is what an event carries, rather than what it says of it.
func (c choice) content() bool {
	return c.encoding == jsonValue || c.encoding == queryValues || c.encoding == inBase64 || c.encoding == compressed || c.encoding == httpBody || slices.Contains([]string{"body", "message", "data"}, c.name)
}

// bytes says whether an event carries any bytes as the value.
func (c choice) bytes() bool {
	return slices.Contains([]encoding{inBase64, compressed, httpBody}, c.encoding)
}

func (c choice) fits(s Sample) bool {
	return slices.ContainsFunc(strings.Fields(c.samples), func(pattern string) bool {
		ok, _ := path.Match(pattern, s.Service+"/"+s.Name) // the patterns are ours, and well formed
		return ok
	})
}

// chosen gives the options that the sample has: of those for all, the ones whose text is in it.
func (s Sample) chosen(tree any) []choice {
	text, _ := format(tree) // what was parsed can be written
	var list []choice
	for _, c := range choices {
		if c.fits(s) && (c.paths != nil || strings.Contains(string(text), fmt.Sprintf(c.like, c.initial))) {
			list = append(list, c)
		}
	}
	return list
}

// Options lists what can be chosen in the sample, with the values that it has.
func (s Sample) Options() ([]Option, error) {
	tree, err := s.tree()
	if err != nil {
		return nil, err
	}
	var list []Option
	for _, c := range s.chosen(tree) {
		o := Option{Name: c.name, About: c.about, Default: c.initial, Content: c.content()}
		if c.paths != nil {
			first := true // of several records
			_, err := change(tree, c.paths[0], func(old any) (any, error) {
				if first {
					o.Default, first = c.shown(old), false
				}
				return old, nil
			})
			if err != nil {
				return nil, fmt.Errorf("option %s of the sample %s: %w", c.name, s, err)
			}
		}
		list = append(list, o)
	}
	return list, nil
}

// OptionNames lists the names of all options of all samples.
func OptionNames() []string {
	names := map[string]bool{}
	for _, c := range choices {
		names[c.name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// shown is the value of an option as one would type it.
func (c choice) shown(value any) string {
	text, ok := value.(string)
	if !ok {
		data, _ := format(value) // what was parsed can be written
		return string(data)
	}
	switch c.encoding {
	case inBase64:
		if data, err := base64.StdEncoding.DecodeString(text); err == nil {
			return string(data)
		}
	case compressed:
		if value, err := unpack(text); err == nil {
			data, _ := format(value)
			return string(data)
		}
	case urlKey:
		if key, err := url.QueryUnescape(text); err == nil {
			return key
		}
	}
	return text
}

// apply makes the choices. Texts are replaced all at once, and before values are put at paths: what was chosen is not
// changed by another choice.
func (s Sample) apply(tree any, options map[string]string) (any, error) {
	if len(options) == 0 {
		return tree, nil
	}
	known := s.chosen(tree)
	for name, value := range options {
		i := slices.IndexFunc(known, func(c choice) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("%s has no option %s", s, name)
		}
		if !known[i].bytes() && !utf8.ValidString(value) {
			return nil, fmt.Errorf("option %s: the value is no UTF-8, and %s carries it as text", name, s)
		}
	}
	var old, pairs []string
	for _, c := range known {
		if value, ok := options[c.name]; ok && c.paths == nil {
			if c.encoding == slashless {
				value = strings.TrimPrefix(value, "/")
			}
			old, pairs = append(old, fmt.Sprintf(c.like, c.initial)), append(pairs, fmt.Sprintf(c.like, value))
		}
	}
	r := replacer(old, pairs)
	tree = replaceTexts(tree, r)
	for _, c := range known {
		value, ok := options[c.name]
		if !ok || c.paths == nil {
			continue
		}
		for _, place := range c.paths {
			var err error
			if tree, err = change(tree, r.Replace(place), c.encoded(value)); err != nil {
				return nil, fmt.Errorf("option %s: %w", c.name, err)
			}
		}
		c.follow(tree, value)
	}
	return tree, nil
}

// replacer takes of several texts that begin at a place the longest.
func replacer(old, replacements []string) *strings.Replacer {
	order := make([]int, len(old))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(old[b]) - len(old[a]) })
	var pairs []string
	for _, i := range order {
		pairs = append(pairs, old[i], replacements[i])
	}
	return strings.NewReplacer(pairs...)
}

// replaceTexts replaces in all strings, and in the names of objects: those of topics and queues are.
func replaceTexts(value any, r *strings.Replacer) any {
	switch v := value.(type) {
	case *object:
		replaced := newObject()
		for _, name := range v.names {
			replaced.put(r.Replace(name), replaceTexts(v.values[name], r))
		}
		return replaced
	case []any:
		for i, inner := range v {
			v[i] = replaceTexts(inner, r)
		}
	case string:
		return r.Replace(v)
	}
	return value
}

// encoded gives what puts the value in the place of an old one.
func (c choice) encoded(value string) func(any) (any, error) {
	return func(any) (any, error) {
		switch c.encoding {
		case jsonValue, queryValues:
			return loose(value), nil
		case inBase64:
			return base64.StdEncoding.EncodeToString([]byte(value)), nil
		case compressed:
			return compress(value), nil
		case urlKey:
			return strings.ReplaceAll(url.QueryEscape(value), "%2F", "/"), nil
		case httpBody:
			text, _ := bodyOf(value)
			return text, nil
		}
		return value, nil
	}
}

// follow changes what follows from the value.
func (c choice) follow(tree any, value string) {
	root, ok := tree.(*object)
	if !ok {
		return
	}
	switch c.encoding {
	case httpBody:
		_, isBase64 := bodyOf(value)
		for _, name := range []string{"isBase64Encoded", "is_base64_encoded"} {
			if _, ok := root.values[name]; ok {
				root.put(name, isBase64)
			}
		}
		if headers, ok := root.values["headers"].(*object); ok && headers.values["content-length"] != nil {
			headers.put("content-length", strconv.Itoa(len(value)))
		}
	case queryValues:
		followQuery(root)
	case stage2:
		if value == defaultRoute {
			return
		}
		prefix := func(old any) (any, error) { return "/" + value + fmt.Sprint(old), nil }
		for _, place := range []string{"rawPath", "requestContext.http.path"} {
			_, _ = change(tree, place, prefix) // both are strings of the sample
		}
	}
}

// followQuery gives each parameter of a query the list of its values: the one that it has, unless it ends that list already.
func followQuery(root *object) {
	single, ok := root.values["queryStringParameters"].(*object)
	if !ok {
		root.put("multiValueQueryStringParameters", nil)
		return
	}
	before, _ := root.values["multiValueQueryStringParameters"].(*object)
	lists := newObject()
	for _, name := range single.names {
		list := []any{single.values[name]}
		if before != nil {
			if old, _ := before.values[name].([]any); len(old) > 0 && old[len(old)-1] == list[0] {
				list = old
			}
		}
		lists.put(name, list)
	}
	root.put("multiValueQueryStringParameters", lists)
}
