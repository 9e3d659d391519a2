package recording

// Paths in a payload: user.name, items[0].at, items[*].at, headers["x.y"]. A * stands for any member or element.

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A Path leads to a part of a JSON text, from the whole.
type Path []step

type step struct {
	name    string // of a member
	index   int    // of an element
	element bool
	any     bool
}

var (
	plainName = regexp.MustCompile(`^[^\[\].*"]+$`)
	nextStep  = regexp.MustCompile(`^(?:\.?([^\[\].*"]+|\*)|\[(\d+|\*)\]|\[("(?:[^"\\]|\\.)*")\])`)
)

// ParsePath reads a path. A leading $ or dot is left out as well as not.
func ParsePath(text string) (Path, error) {
	rest := strings.TrimPrefix(text, "$")
	var path Path
	for rest != "" {
		match := nextStep.FindStringSubmatch(rest)
		if match == nil {
			break
		}
		var s step
		name, element, quoted := match[1], match[2], match[3]
		switch {
		case name == "*":
			s.any = true
		case name != "":
			s.name = name
		case element == "*":
			s.any, s.element = true, true
		case element != "":
			var err error
			if s.index, err = strconv.Atoi(element); err != nil {
				return nil, fmt.Errorf("%q is no path: [%s] is no element", text, element)
			}
			s.element = true
		default:
			if err := json.Unmarshal([]byte(quoted), &s.name); err != nil {
				return nil, fmt.Errorf("%q is no path: %s is no name", text, quoted)
			}
		}
		path = append(path, s)
		rest = rest[len(match[0]):]
	}
	if rest != "" || len(path) == 0 {
		return nil, fmt.Errorf(`%q is no path in a payload, as user.name, items[0], items[*].at or headers["x.y"] are`, text)
	}
	return path, nil
}

// matches says whether p names a place, or what it is part of.
func (p Path) matches(place Path) bool {
	if len(place) < len(p) {
		return false
	}
	for i, s := range p {
		at := place[i]
		if s.element != at.element || !s.any && (s.name != at.name || s.index != at.index) {
			return false
		}
	}
	return true
}

// String is the path as ParsePath reads it; that of the whole is "".
func (p Path) String() string {
	var text strings.Builder
	for i, s := range p {
		name := s.name
		switch {
		case s.any && s.element:
			text.WriteString("[*]")
			continue
		case s.element:
			fmt.Fprintf(&text, "[%d]", s.index)
			continue
		case s.any:
			name = "*"
		case !plainName.MatchString(name):
			quoted, _ := json.Marshal(name) // a text always encodes
			fmt.Fprintf(&text, "[%s]", quoted)
			continue
		}
		if i > 0 {
			text.WriteString(".")
		}
		text.WriteString(name)
	}
	return text.String()
}
