package layer_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/serverless/open-runtime/pkg/layer"
)

// goldenFiles is a tree of which the zip's hash is known: text that shrinks, data that does not, more than one block, an
// empty file, a name that is not ASCII.
func goldenFiles() map[string]string {
	random := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, 3<<20/2)
	_, _ = random.Read(noise) // never fails
	return map[string]string{
		"bootstrap":                         "\x7fELF" + strings.Repeat("program ", 300_000),
		"language-runtime/language-runtime": "#!/usr/bin/env node\nconsole.log(1)\n",
		"language-runtime/data.bin":         string(noise),
		"language-runtime.json":             `{"protocol":"frames/1"}`,
		"middlewares/audit":                 "#!/bin/bash\ncat\n",
		"middlewares/audit.json":            `{"hooks":["before"]}`,
		"lib/empty":                         "",
		"lib/größe.txt":                     "ä",
		"nodejs/node_modules/x/cli.js":      "#!/usr/bin/env node\n",
		"nodejs/node_modules/x/index.js":    "module.exports = 1\n",
	}
}

// golden is the sha256 of its zip: it changes only with the recipe, or with klauspost/compress.
const golden = "1f847abca3f61879f6824a79c9d1a38f4d3619ecf3583435f0ddc6cf16489a66"

func goldenTree(t *testing.T) *layer.Tree {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, goldenFiles())
	if err := os.Symlink("../middlewares/audit", filepath.Join(dir, "lib", "link")); err != nil {
		t.Skipf("no symlinks here: %v", err)
	}
	tree := layer.New()
	if err := tree.AddDir("", dir); err != nil {
		t.Fatal(err)
	}
	return tree
}

func zipOf(t *testing.T, tree *layer.Tree) ([]byte, layer.Manifest) {
	t.Helper()
	var out bytes.Buffer
	m, err := tree.Write(&out, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), m
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestGolden(t *testing.T) {
	data, _ := zipOf(t, goldenTree(t))
	if got := hashOf(data); got != golden {
		t.Errorf("got %s", got)
	}
}

// TestReproducible: nothing of the host is in the zip.
func TestReproducible(t *testing.T) {
	want, _ := zipOf(t, goldenTree(t))
	dir := t.TempDir()
	put(t, dir, goldenFiles())
	if err := os.Symlink("../middlewares/audit", filepath.Join(dir, "lib", "link")); err != nil {
		t.Fatal(err)
	}
	old := time.Unix(1_000_000_000, 0)
	for i, name := range slices.Sorted(mapsKeys(goldenFiles())) {
		place := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.Chmod(place, []fs.FileMode{0o600, 0o777, 0o644}[i%3]), os.Chtimes(place, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TZ", "Asia/Tokyo")
	for _, cores := range []int{1, 2, 7} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		tree := layer.New()
		if err := tree.AddDir("", dir); err != nil {
			t.Fatal(err)
		}
		if got, _ := zipOf(t, tree); !bytes.Equal(got, want) {
			t.Errorf("with %d cores: other bytes", cores)
		}
	}
	fsys := fstest.MapFS{}
	for name, text := range goldenFiles() {
		fsys[name] = &fstest.MapFile{Data: []byte(text), ModTime: time.Now(), Mode: 0o600}
	}
	one, two := layer.New(), layer.New()
	if err := one.AddFS("", fsys); err != nil {
		t.Fatal(err)
	}
	for name, text := range goldenFiles() {
		if err := two.AddBytes(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	left, _ := zipOf(t, one)
	right, _ := zipOf(t, two)
	if !bytes.Equal(left, right) {
		t.Error("a file system and bytes give other zips")
	}
}

func mapsKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

// TestRecipe looks at the zip as a reader does.
func TestRecipe(t *testing.T) {
	data, m := zipOf(t, goldenTree(t))
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := goldenFiles()
	files["lib/link"] = "../middlewares/audit"
	modes := map[string]fs.FileMode{
		"bootstrap": 0o755, "language-runtime/language-runtime": 0o755, "middlewares/audit": 0o755,
		"nodejs/node_modules/x/cli.js": 0o755, "lib/link": fs.ModeSymlink | 0o777,
	}
	var names []string
	for i, f := range r.File {
		names = append(names, f.Name)
		want := modes[f.Name]
		if want == 0 {
			want = 0o644
		}
		if f.Mode() != want {
			t.Errorf("%s: mode %v, want %v", f.Name, f.Mode(), want)
		}
		if f.Flags&^0x800 != 0 || len(f.Extra) > 0 || f.CreatorVersion != 3<<8|20 || f.ModifiedDate != 0x21 || f.ModifiedTime != 0 {
			t.Errorf("%s: flags %x, extra %x, creator %x, date %x, time %x", f.Name, f.Flags, f.Extra, f.CreatorVersion, f.ModifiedDate, f.ModifiedTime)
		}
		if f.CompressedSize64 > f.UncompressedSize64 {
			t.Errorf("%s is larger than before", f.Name)
		}
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(rc)
		if err != nil || string(text) != files[f.Name] {
			t.Errorf("%s: other content, %v", f.Name, err)
		}
		e := m.Entries[i]
		if e.Path != f.Name || e.SHA256 != hashOf(text) || e.Size != int64(len(text)) || e.PackedSize != int64(f.CompressedSize64) {
			t.Errorf("%s: manifest says %+v", f.Name, e)
		}
	}
	if !slices.IsSorted(names) || len(names) != len(files) {
		t.Errorf("names %v", names)
	}
}

func TestSourceDateEpoch(t *testing.T) {
	tests := []struct {
		epoch string
		want  string // in the zip
	}{
		{"", "1980-01-01 00:00:00"}, {"0", "1980-01-01 00:00:00"}, {"-5", "1980-01-01 00:00:00"},
		{"1700000000", "2023-11-14 22:13:20"}, {"99999999999", "2107-12-31 23:59:58"}, {"today", ""},
	}
	t.Setenv("TZ", "Asia/Tokyo")
	for _, test := range tests {
		t.Setenv("SOURCE_DATE_EPOCH", test.epoch)
		tree := layer.New()
		if err := tree.AddBytes("a", nil); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		_, err := tree.Write(&out, nil)
		if (err != nil) != (test.want == "") {
			t.Errorf("%q: %v", test.epoch, err)
		}
		if err != nil {
			continue
		}
		r, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.File[0].Modified.Format(time.DateTime); got != test.want {
			t.Errorf("%q: got %s, want %s", test.epoch, got, test.want)
		}
	}
}

// TestWitnesses has programs that are not ours test and unpack the zip.
func TestWitnesses(t *testing.T) {
	dir := t.TempDir()
	out, err := goldenTree(t).WriteFiles(dir, "hello-amd64", layer.Meta{Name: "hello", Arch: "amd64"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	witnesses := map[string][]string{
		"unzip":     {"-tqq", out.Zip},
		"zip":       {"-T", out.Zip},
		"python3":   {"-c", "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); sys.exit(z.testzip())", out.Zip},
		"sha256sum": {"-c", "hello-amd64.zip.sha256"},
	}
	for name, args := range witnesses {
		if _, err := exec.LookPath(name); err != nil {
			t.Logf("skipped: no %s on this machine", name)
			continue
		}
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, output)
		}
	}
	if _, err := exec.LookPath("unzip"); err != nil {
		return
	}
	theirs, ours := filepath.Join(dir, "theirs"), filepath.Join(dir, "ours")
	if output, err := exec.CommandContext(t.Context(), "unzip", "-q", out.Zip, "-d", theirs).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if err := errors.Join(os.Mkdir(ours, 0o755), layer.Unpack(out.Zip, ours)); err != nil {
		t.Fatal(err)
	}
	staged := filepath.Join(dir, "staged")
	if err := errors.Join(os.Mkdir(staged, 0o755), goldenTree(t).Stage(staged)); err != nil {
		t.Fatal(err)
	}
	want := snapshot(t, theirs)
	for _, other := range []string{ours, staged} {
		if got := snapshot(t, other); got != want {
			t.Errorf("%s differs from unzip's:\n%s\nwant\n%s", filepath.Base(other), got, want)
		}
	}
}

// snapshot is a text of what is in a folder: names, modes, hashes.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var text strings.Builder
	err := filepath.WalkDir(dir, func(place string, d fs.DirEntry, err error) error {
		if err != nil || place == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		hash := ""
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			hash, err = os.Readlink(place)
		case d.Type().IsRegular():
			hash, err = layer.FileHash(place)
		}
		rel, _ := filepath.Rel(dir, place)
		text.WriteString(rel + " " + info.Mode().String() + " " + hash + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestWriteFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dist")
	var last, total int64
	meta := layer.Meta{Name: "hello", Arch: "arm64", Target: "nodejs24.x", Runtime: "node", Middlewares: []string{"audit"}, SorVersion: "v1"}
	out, err := goldenTree(t).WriteFiles(dir, "hello-arm64", meta, func(d, all int64) {
		if d < last || d > all {
			t.Errorf("progress goes from %d to %d of %d", last, d, all)
		}
		last, total = d, all
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != total || total != out.UnzippedBytes || len(out.Parts) == 0 || out.Parts[0].Name != "bootstrap" {
		t.Errorf("progress ended at %d of %d; %+v", last, total, out)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if want := []string{"hello-arm64.manifest.json", "hello-arm64.zip", "hello-arm64.zip.base64sha256", "hello-arm64.zip.sha256"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if hash, err := layer.FileHash(out.Zip); hash != out.SHA256 || err != nil {
		t.Errorf("%s, %v", hash, err)
	}
}

func TestLimits(t *testing.T) {
	dir := t.TempDir()
	huge := filepath.Join(dir, "huge")
	if err := errors.Join(os.WriteFile(huge, nil, 0o644), os.Truncate(huge, layer.MaxUnzipped+1)); err != nil {
		t.Fatal(err)
	}
	tree := layer.New()
	if err := tree.AddFile("lib/huge", huge); err != nil {
		t.Fatal(err)
	}
	_, err := tree.WriteFiles(dir, "x", layer.Meta{}, nil)
	limit, ok := errors.AsType[*layer.LimitError](err)
	if !ok || limit.Size != layer.MaxUnzipped+1 || limit.Fix == "" {
		t.Errorf("got %v", err)
	}
	noise := filepath.Join(dir, "noise")
	file, err := os.Create(noise)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(file, rand.NewChaCha8([32]byte{2}), layer.MaxZip+1); err != nil {
		t.Fatal(err)
	}
	file.Close()
	tree = layer.New()
	if err := tree.AddFile("lib/noise", noise); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.WriteFiles(dir, "x", layer.Meta{}, nil); err == nil {
		t.Error("a zip that can't be uploaded is written")
	}
	if _, err := os.Stat(filepath.Join(dir, "x.zip")); err == nil {
		t.Error("and left there")
	}
	if _, err := tree.WriteFiles(dir, "x", layer.Meta{Waived: []string{layer.RuleSize}}, nil); err != nil {
		t.Errorf("waived: %v", err)
	}
}

func TestAdd(t *testing.T) {
	tree := layer.New()
	for _, name := range []string{"", ".", "/abs", "../up", "a/../b", "a//b", "a\\b", "a\nb", "bad\xff"} {
		if err := tree.AddBytes(name, nil); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
	if err := tree.AddBytes("a", nil); err != nil {
		t.Fatal(err)
	}
	if err := tree.AddBytes("a", nil); err == nil {
		t.Error("the same path twice")
	}
	if err := tree.Replace("a", []byte("x")); err != nil || tree.Size() != 1 {
		t.Errorf("%v, %d", err, tree.Size())
	}
	dir := t.TempDir()
	put(t, dir, map[string]string{"middlewares/m": "no program", "dist/x": "", "keep/distx": "", ".git/config": ""})
	tree = layer.New()
	if err := tree.AddDir("", dir, "dist", ".git"); err != nil {
		t.Fatal(err)
	}
	if got, want := tree.Paths(), []string{"keep/distx", "middlewares/m"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := tree.Mended(), []string{"middlewares/m"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	one, err := tree.Hash()
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Replace("middlewares/m", []byte("no progrex")); err != nil {
		t.Fatal(err)
	}
	if two, err := tree.Hash(); one == two || err != nil {
		t.Errorf("another content, the same hash; %v", err)
	}
}

func TestFileChangesWhilePacked(t *testing.T) {
	place := filepath.Join(t.TempDir(), "file")
	for _, size := range []int64{0, 3 << 20} {
		if err := os.WriteFile(place, make([]byte, 1<<20), 0o644); err != nil {
			t.Fatal(err)
		}
		tree := layer.New()
		if err := tree.AddFile("a", place); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(place, size); err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Write(io.Discard, nil); err == nil {
			t.Errorf("now %d bytes, and nobody noticed", size)
		}
		if err := tree.Stage(t.TempDir()); err == nil {
			t.Errorf("now %d bytes, and nobody noticed", size)
		}
	}
}
