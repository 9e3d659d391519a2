package project

// The keys that are one word or one number: name, target, architecture, image, memory, timeout, tmp; patterns; and
// interpreters, which come later.

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serverless/open-runtime/internal/spelling"
)

// What Lambda allows.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	minMemory, maxMemory   = 128, 10240 // MB
	minTimeout, maxTimeout = 1, 900     // seconds
	minTmp, maxTmp         = 512, 10240 // MB
	maxName                = 64         // characters of a function's name
)

// notInName is what Lambda does not allow. https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
var notInName = regexp.MustCompile(`[^a-zA-Z0-9_-]+`)

// name reads `name`; its default is the folder's, made one that Lambda allows.
func (d *decoder) name() {
	name, at := d.word("name")
	switch {
	case at == nil:
		d.project.Name = validName(filepath.Base(d.project.Dir))
	case name == "" || len(name) > maxName || notInName.MatchString(name):
		d.wrong(at, "did you mean "+validName(name)+"?", "name is %s; Lambda allows letters, digits, - and _, %d at most", quote(name), maxName)
	default:
		d.project.Name = name
	}
}

func validName(name string) string {
	name = strings.Trim(notInName.ReplaceAllString(name, "-"), "-")
	if name == "" {
		return "function"
	}
	return name[:min(len(name), maxName)]
}

// target reads `target`; its default follows the language runtime.
func (d *decoder) target() {
	id, at := d.word("target")
	if d.project.Runtime == Managed {
		d.managedTarget(id, at)
	}
	if at == nil {
		if d.values["target"] == nil && d.options.DefaultTarget != nil {
			d.project.Target = d.options.DefaultTarget(d.project.Runtime)
		}
		return
	}
	d.project.Target = id
	err := d.checkTarget(id)
	if err == nil {
		return
	}
	hint := ""
	if language := languageOf(id); language != "" {
		hint = "did you mean `runtime: " + language + "`?"
	} else if near := spelling.Nearest(id, d.options.Targets); near != "" && !isIdentifier(id) {
		hint = "did you mean " + near + "?"
	}
	d.wrong(at, hint, "%v", err)
}

// managedTarget wants a target that has a client of AWS's own: an OS-only one has none.
func (d *decoder) managedTarget(id string, at *yaml.Node) {
	const hint = "as in `target: nodejs24.x`: it is the client of Node, Python, Ruby, Java or .NET that AWS starts there"
	switch {
	case at == nil && d.values["target"] == nil && !d.meant["target"]:
		d.wrong(d.values["runtime"], hint, "runtime: managed needs a target")
	case strings.HasPrefix(id, Provided):
		d.wrong(at, hint+"\na program that speaks the Runtime API itself is `runtime: executable` or `runtime: go`",
			"target is %s, which has no client of AWS's own; runtime: managed runs that of the target", id)
	}
}

func (d *decoder) checkTarget(id string) error {
	switch {
	case d.options.CheckTarget != nil:
		return d.options.CheckTarget(id)
	case !slices.Contains(d.options.Targets, id):
		return fmt.Errorf("there is no target %s; there are %s", quote(id), strings.Join(d.options.Targets, ", "))
	}
	return nil
}

// architecture reads `architecture`; its default is this machine's.
func (d *decoder) architecture() {
	d.project.Architecture = d.options.Architecture
	name, at := d.word("architecture")
	if at == nil {
		return
	}
	arch, ok := Architecture(name)
	if ok {
		d.project.Architecture = arch
		return
	}
	hint := ""
	if near := spelling.Nearest(name, []string{"amd64", "arm64", "x86_64", "aarch64"}); near != "" {
		hint = "did you mean " + near + "?"
	}
	d.wrong(at, hint, "there is no architecture %s; there are amd64 (x86_64) and arm64 (aarch64)", quote(name))
}

// image reads `image`, the container image for the docker sandbox.
func (d *decoder) image() {
	image, at := d.word("image")
	if at != nil && strings.ContainsFunc(image, isSpace) {
		d.wrong(at, "", "image is %s; a name of an image has no space in it", quote(image))
	}
	d.project.Image = image
}

func (d *decoder) sizes() {
	d.number("memory", "MB", minMemory, maxMemory, &d.project.Memory)
	d.number("timeout", "seconds", minTimeout, maxTimeout, &d.project.Timeout)
	d.number("tmp", "MB", minTmp, maxTmp, &d.project.Tmp)
}

// interpreters knows the key so that who reads of it is told.
func (d *decoder) interpreters() {
	if n := d.mapping("interpreters", "python3: /usr/lib/python3"); n != nil && len(n.Content) > 0 {
		d.wrong(d.values["interpreters"], "until then a folder that `extra:` names can carry one: bin/ and lib/ in it become /opt/bin and /opt/lib",
			"interpreters are packed by a later version of sor")
	}
}

// unwatched reads patterns of names, or of paths when there is a slash in them.
func (d *decoder) unwatched() {
	entries, _ := d.list("unwatched")
	for _, at := range entries {
		pattern, ok := d.entry("unwatched", at)
		if !ok {
			continue
		}
		pattern = strings.TrimPrefix(strings.TrimSuffix(strings.TrimSpace(pattern), "/"), "./")
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" || strings.Contains(pattern, "**") {
			d.wrong(at, "a name such as *.log at any depth, or a path from this folder such as function/generated", "unwatched: %s is no pattern", quote(pattern))
			continue
		}
		d.project.Unwatched = append(d.project.Unwatched, pattern)
	}
}
