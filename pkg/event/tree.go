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

// format writes a value on one line; & < > stay as they are, for who reads it.
func format(value any) ([]byte, error) {
	var b bytes.Buffer
	leaves := json.NewEncoder(&b)
	leaves.SetEscapeHTML(false)
	if err := write(&b, leaves, value); err != nil {
		return nil, fmt.Errorf("encoding the event: %w", err)
	}
	return b.Bytes(), nil
}

// write writes a value into the buffer, which is that of leaves too. It is no MarshalJSON: what that gives, encoding/json
// reads again at each level.
func write(b *bytes.Buffer, leaves *json.Encoder, value any) error {
	switch v := value.(type) {
	case *object:
		b.WriteByte('{')
		for i, name := range v.names {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := write(b, leaves, name); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := write(b, leaves, v.values[name]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, element := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := write(b, leaves, element); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	default:
		if err := leaves.Encode(value); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1) // its newline
	}
	return nil
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
