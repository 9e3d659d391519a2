package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// An event as a value: *object, []any, string, json.Number, bool or nil. Objects keep their order and numbers their digits,
// so that what nobody changes stays as it was.

type object struct {
	names  []string
	values map[string]any
}

func newObject() *object { return &object{values: map[string]any{}} }

// put sets a value, at the end where the name is new.
func (o *object) put(name string, value any) {
	if _, ok := o.values[name]; !ok {
		o.names = append(o.names, name)
	}
	o.values[name] = value
}

// parse reads one JSON text.
func parse(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	value, err := parseValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON text")
	}
	return value, nil
}

func parseValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	switch token {
	case json.Delim('{'):
		return parseObject(d)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			element, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, element)
		}
		_, err = d.Token()
		return list, err
	}
	return token, err
}

func parseObject(d *json.Decoder) (any, error) {
	o := newObject()
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := parseValue(d)
		if err != nil {
			return nil, err
		}
		o.put(name.(string), value)
	}
	_, err := d.Token()
	return o, err
}

// MarshalJSON writes the names in their order.
func (o *object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range o.names {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := format(name)
		if err != nil {
			return nil, err
		}
		value, err := format(o.values[name])
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// format writes a value on one line; & < > stay as they are, for who reads it.
func format(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, fmt.Errorf("encoding the event: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// clone copies a value and all that is in it.
func clone(value any) any {
	switch v := value.(type) {
	case *object:
		c := &object{names: slices.Clone(v.names), values: maps.Clone(v.values)}
		for name, inner := range c.values {
			c.values[name] = clone(inner)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, inner := range v {
			c[i] = clone(inner)
		}
		return c
	}
	return value
}

// walk gives each value that holds no others to edit, with the name that it, or the list it is in, has in its object.
func walk(value any, name string, edit func(name string, leaf any) any) any {
	switch v := value.(type) {
	case *object:
		for _, inner := range v.names {
			v.values[inner] = walk(v.values[inner], inner, edit)
		}
		return v
	case []any:
		for i, inner := range v {
			v[i] = walk(inner, name, edit)
		}
		return v
	}
	return edit(name, value)
}
