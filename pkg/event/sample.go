package event

import (
	"embed"
	"fmt"
)

// A Sample is an event of one of Lambda's sources. Its values are made up: account 012345678912, region us-east-1, and
// always the same second, so that what is made of it is the same each time.
type Sample struct {
	Service, Name string
	About         string // one line: when the service sends it

	records string // path to the list whose elements can be repeated; "$" is the event itself, "" none
	packed  string // path to what is JSON, compressed, as base64
}

//go:embed samples
var files embed.FS

// Samples lists all samples by service and name.
func Samples() []Sample { return catalogue }

// Find gives a sample by its service and name.
func Find(service, name string) (Sample, bool) {
	for _, s := range catalogue {
		if s.Service == service && s.Name == name {
			return s, true
		}
	}
	return Sample{}, false
}

// JSON gives the event as it is stored: indented, its names in the order of AWS's documentation.
func (s Sample) JSON() ([]byte, error) {
	data, err := files.ReadFile("samples/" + s.Service + "/" + s.Name + ".json")
	if err != nil {
		return nil, fmt.Errorf("reading the sample %s: %w", s, err)
	}
	return data, nil
}

// String gives the sample's service and name as they are typed.
func (s Sample) String() string { return s.Service + " " + s.Name }

// tree gives the event as a value, what is packed in it unpacked.
func (s Sample) tree() (any, error) {
	data, err := s.JSON()
	if err != nil {
		return nil, err
	}
	tree, err := parse(data)
	if err == nil && s.packed != "" {
		tree, err = change(tree, s.packed, unpack)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the sample %s: %w", s, err)
	}
	return tree, nil
}
