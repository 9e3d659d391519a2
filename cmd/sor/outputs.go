package main

// The files that a run of sor start itself writes: they are no part of a function, wherever they are, and no change.

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/serverless/open-runtime/pkg/project"
)

// outputs are the files of --record, --destination and --attach-env, and those that stdout and stderr are, where the system tells.
func (o startOptions) outputs(wd string) []string {
	var files []string
	for _, file := range []string{o.record.path, o.destination, o.attach.file} {
		if file != "" {
			files = append(files, absoluteIn(wd, file))
		}
	}
	for _, stream := range []*os.File{os.Stdout, os.Stderr} {
		info, err := stream.Stat()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if file, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", stream.Fd())); err == nil { // proc_pid_fd(5)
			files = append(files, file)
		}
	}
	return files
}

// excludeFiles keeps files out of a project's code.
func excludeFiles(p *project.Project, files []string) {
	for _, file := range files {
		if rel, err := filepath.Rel(p.Code, file); err == nil && filepath.IsLocal(rel) {
			p.CodeExcludes = append(p.CodeExcludes, filepath.ToSlash(rel))
		}
	}
}

func absoluteIn(wd, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(wd, path)
}
