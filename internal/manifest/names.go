// Package manifest says what the names and the manifests of a layer mean: SLSMIDDLEWARES and SLSSIDECARS, NAME.json next to a
// middleware or sidecar, language-runtime.json and sor.json.
//
// It is used by build-layer's lint and by the bootstrap's init, so that both say the same. It writes nothing and starts
// nothing. The contracts are in docs/protocol.
package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// longestName is how many characters a name may have.
const longestName = 64

// hasNameForm says whether a name is [A-Za-z0-9][A-Za-z0-9._-]{0,63}. There is no regexp here: compiling one costs every
// cold start.
func hasNameForm(name string) bool {
	for i := range len(name) {
		c := name[i]
		letterOrDigit := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letterOrDigit && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return name != "" && len(name) <= longestName
}

// CheckName says what is wrong with the name of a middleware or sidecar.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("a name is empty")
	case !hasNameForm(name):
		return fmt.Errorf("%q is no name: letters, digits, dot, dash and underscore, 64 at most, a letter or digit first", name)
	case strings.HasSuffix(name, ".json"), strings.HasSuffix(name, ".wasm"):
		return fmt.Errorf("%q is no name: .json and .wasm are what belongs to a middleware", name)
	}
	return nil
}

// builtIn is the prefix of what is compiled into the bootstrap.
const builtIn = "sor:"

// A Ref is one entry of a list of middlewares.
type Ref struct {
	Name     string // with its sor: prefix, when it has one
	Optional bool   // written NAME?
	BuiltIn  bool
}

// String spells it as in the list.
func (r Ref) String() string {
	if r.Optional {
		return r.Name + "?"
	}
	return r.Name
}

// ParseRef reads one entry.
func ParseRef(text string) (Ref, error) {
	name, optional := strings.CutSuffix(strings.TrimSpace(text), "?")
	ref := Ref{Name: name, Optional: optional}
	plain, ok := strings.CutPrefix(name, builtIn)
	ref.BuiltIn = ok
	return ref, CheckName(plain)
}

// ParseList reads a list as SLSMIDDLEWARES has it: a,b?,c. An empty list is none. All that is wrong is told together.
func ParseList(list string) ([]Ref, error) {
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	return ParseRefs(strings.Split(list, ","))
}

// ParseRefs reads the entries of a list.
func ParseRefs(entries []string) ([]Ref, error) {
	var refs []Ref
	var wrong []error
	seen := map[string]bool{}
	for _, entry := range entries {
		ref, err := ParseRef(entry)
		if err == nil && seen[ref.Name] {
			err = fmt.Errorf("%q is listed twice", ref.Name)
		}
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		seen[ref.Name] = true
		refs = append(refs, ref)
	}
	return refs, errors.Join(wrong...)
}

// HashOfNames is the SHA-256, in hexadecimal digits, by which sor.json pins what is in a folder: the names of the files below
// it, with slashes and from there, in order, each with a newline after it.
func HashOfNames(names []string) string {
	names = slices.Clone(names)
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "\n") + "\n"))
	return hex.EncodeToString(sum[:])
}
