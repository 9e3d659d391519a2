package namespace

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// prepare makes instructions of a spec: every path absolute, there, and free of links.
func prepare(spec emulator.Spec, who string) (instructions, error) {
	in := instructions{TmpMB: spec.TmpMB, Loopback: spec.Network == networkNone, Loose: spec.Loose, Drop: who == frames.IdentityDrop}
	paths := []struct {
		what, from string
		to         *string
	}{{"supervisor", spec.Supervisor, &in.Supervisor}, {"function's code", spec.Task, &in.Task}, {"layer", spec.Opt, &in.Opt}}
	for _, p := range paths {
		if p.from == "" {
			continue
		}
		path, err := realPath(p.from)
		if err != nil {
			return in, fmt.Errorf("finding the %s: %w", p.what, err)
		}
		*p.to = path
	}
	for _, dir := range spec.Binds {
		b, err := further(dir)
		if err != nil {
			return in, fmt.Errorf("showing %s in the sandbox: %w", dir, err)
		}
		if b != nil {
			in.Binds = append(in.Binds, *b)
		}
	}
	in.Resolv = resolver()
	return in, nil
}

func realPath(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(absolute)
}

// further makes a bind of a directory of the host; nil when it is shown anyway.
func further(dir string) (*bind, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("the path is not absolute")
	}
	source, err := realPath(dir)
	if err != nil {
		return nil, err
	}
	target := filepath.Clean(dir)
	for _, own := range []string{"/proc", "/dev", "/opt", "/var/task", "/var/runtime", "/var/lang", "/var/rapid"} {
		if target == "/" || within(target, own) || within(own, target) {
			return nil, fmt.Errorf("the sandbox has its own %s", own)
		}
	}
	if shown(target) {
		return nil, nil
	}
	return &bind{source, target}, nil
}

// resolver finds where the lookup of /etc/resolv.conf leaves what is shown, and what it comes to in the end.
func resolver() *bind {
	const name = "/etc/resolv.conf"
	source, err := filepath.EvalSymlinks(name)
	if err != nil {
		return nil
	}
	place := name
	for range 10 {
		dir, err := filepath.EvalSymlinks(filepath.Dir(place))
		if err != nil {
			return nil
		}
		place = filepath.Join(dir, filepath.Base(place))
		if !shown(place) {
			return &bind{source, place}
		}
		link, err := os.Readlink(place)
		if err != nil {
			return nil // a file that is shown
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(dir, link)
		}
		place = link
	}
	return nil
}

// shown says whether a path is in one of the system directories that every sandbox shows.
func shown(path string) bool {
	for _, pattern := range systemDirs {
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if ok, _ := filepath.Match(pattern, "/"+first); ok {
			return true
		}
	}
	return false
}

func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
