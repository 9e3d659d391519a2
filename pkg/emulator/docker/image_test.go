//go:build linux

package docker_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/docker/docker/api/types/image"
)

// makeImage imports an image with a static busybox and nothing else: no registry is needed for it.
func makeImage(t *testing.T, name string) {
	t.Helper()
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("an image is needed for this: set SOR_TEST_IMAGE, or install busybox-static to have one made")
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	out := tar.NewWriter(&archive)
	add := func(header tar.Header, content []byte) {
		header.Size = int64(len(content))
		if err := out.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	add(tar.Header{Name: "bin/busybox", Mode: 0o755}, program)
	for _, applet := range []string{"sh", "cat", "ls", "echo", "sleep", "mount", "grep", "sed", "env"} {
		add(tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}, nil)
	}
	for dir, mode := range map[string]int64{"tmp/": 0o1777, "usr/": 0o755, "var/": 0o755, "opt/": 0o755} {
		add(tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: mode}, nil) // an older runc gives a tmpfs the mode of what it covers
	}
	add(tar.Header{Name: "etc/passwd", Mode: 0o644}, []byte("root:x:0:0:root:/root:/bin/sh\n"))
	add(tar.Header{Name: "etc/group", Mode: 0o644}, []byte("root:x:0:\n"))
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	answer, err := engine(t).ImageImport(t.Context(), image.ImportSource{Source: &archive, SourceName: "-"}, name, image.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	if said, err := io.ReadAll(answer); err != nil {
		t.Fatalf("importing %s: %s: %v", name, said, err)
	}
}
