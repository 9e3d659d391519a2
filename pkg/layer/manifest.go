package layer

// What lies beside a layer's zip: its manifest, and its hash as tools want it.

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/serverless/open-runtime/internal/wholefile"
)

// Meta is what the caller knows of a layer, for its manifest.
type Meta struct {
	Name        string   `json:"name"`
	Arch        string   `json:"arch"`
	Target      string   `json:"target"`
	Runtime     string   `json:"runtime"`
	Middlewares []string `json:"middlewares"`
	SorVersion  string   `json:"sorVersion"`
	Waived      []string `json:"waived,omitempty"` // lint rules; with "size" a zip may be larger than AWS takes directly
	Code        bool     `json:"code,omitempty"`   // it is no layer but the function's code
}

// Manifest says everything that is in a layer. It holds no time: the same files give the same manifest.
type Manifest struct {
	Format int `json:"format"`
	Meta
	GoVersions []string `json:"goVersions"` // that compiled the Go programs in it
	Sizes      Sizes    `json:"sizes"`
	SHA256     string   `json:"sha256"` // of the zip
	Entries    []Entry  `json:"entries"`
}

// Sizes are the sizes that AWS limits, with the limits.
type Sizes struct {
	Zip           int64 `json:"zip"`
	ZipLimit      int64 `json:"zipLimit"`
	Unzipped      int64 `json:"unzipped"`
	UnzippedLimit int64 `json:"unzippedLimit"`
	Files         int   `json:"files"`
}

// An Entry is one file or link of a layer.
type Entry struct {
	Path       string `json:"path"`
	Mode       string `json:"mode"`
	Size       int64  `json:"size"`
	PackedSize int64  `json:"packedSize"`
	SHA256     string `json:"sha256"`
	Link       string `json:"link,omitempty"` // a symlink's target
	Go         string `json:"go,omitempty"`   // the Go that compiled it
}

func (m *Manifest) add(e Entry) {
	m.Entries = append(m.Entries, e)
	m.Sizes.Unzipped += e.Size
	m.Sizes.Files++
	if e.Go != "" && !slices.Contains(m.GoVersions, e.Go) {
		m.GoVersions = append(m.GoVersions, e.Go)
		slices.Sort(m.GoVersions)
	}
}

// An Output is a layer that was written.
type Output struct {
	Zip                     string // its path; the others are beside it
	Arch                    string
	ZipBytes, UnzippedBytes int64
	SHA256                  string // hex
	Parts                   []Part // largest first
}

// A Part is something a person knows by name in a layer: a middleware, the language runtime, a folder.
type Part struct {
	Name               string
	Bytes, PackedBytes int64
}

// WriteFiles writes dir/name.zip and what goes with it: name.zip.sha256 as sha256sum -c reads it, name.zip.base64sha256
// as Lambda and Terraform compare it, name.manifest.json. Each appears whole or not at all. What AWS would not take is a
// *LimitError, and leaves nothing.
func (t *Tree) WriteFiles(dir, name string, meta Meta, progress func(done, total int64)) (Output, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Output{}, fmt.Errorf("making folder: %w", err)
	}
	if total := t.Size(); total > MaxUnzipped && !slices.Contains(meta.Waived, RuleSize) {
		return Output{}, unzippedError(total)
	}
	output := Output{Zip: filepath.Join(dir, name+".zip"), Arch: meta.Arch}
	var m Manifest
	sum := sha256.New()
	err := wholefile.Write(output.Zip, func(file *os.File) error {
		var err error
		if m, err = t.Write(io.MultiWriter(file, sum), progress); err != nil {
			return err
		}
		info, err := file.Stat()
		if err != nil {
			return err
		}
		output.ZipBytes = info.Size()
		return checkZip(output.ZipBytes, meta)
	})
	if err != nil {
		return Output{}, err
	}
	m.Format, m.Meta, m.SHA256 = 1, meta, hex.EncodeToString(sum.Sum(nil))
	m.Sizes.Zip, m.Sizes.ZipLimit, m.Sizes.UnzippedLimit = output.ZipBytes, MaxZip, MaxUnzipped
	output.UnzippedBytes, output.SHA256, output.Parts = m.Sizes.Unzipped, m.SHA256, parts(m.Entries)
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return Output{}, fmt.Errorf("writing manifest: %w", err)
	}
	for suffix, text := range map[string]string{
		".zip.sha256":       m.SHA256 + "  " + name + ".zip\n",
		".zip.base64sha256": base64.StdEncoding.EncodeToString(sum.Sum(nil)), // no newline: Terraform's file() compares it so
		".manifest.json":    string(manifest) + "\n",
	} {
		if err := wholefile.WriteBytes(filepath.Join(dir, name+suffix), []byte(text)); err != nil {
			return Output{}, err
		}
	}
	return output, nil
}

func checkZip(size int64, meta Meta) error {
	if size <= MaxZip || slices.Contains(meta.Waived, RuleSize) {
		return nil
	}
	if meta.Code {
		return &LimitError{What: "the zip of the function's code", Size: size, Limit: MaxZip, Unit: "bytes",
			Fix: "pack less, or waive `size` and upload the zip by S3 (aws lambda update-function-code --s3-bucket … --s3-key …)"}
	}
	return &LimitError{What: "the layer's zip", Size: size, Limit: MaxZip, Unit: "bytes",
		Fix: "pack less, or waive `size` and upload the zip by S3 (aws lambda publish-layer-version --content S3Bucket=…,S3Key=…)"}
}

func unzippedError(total int64) error {
	return &LimitError{What: "the layer unzipped", Size: total, Limit: MaxUnzipped, Unit: "bytes",
		Fix: "pack less: leave out tests, documentation and other architectures of libraries"}
}

// goVersion gives the Go that compiled a program, or "".
func goVersion(r io.ReaderAt) string {
	head := make([]byte, headSize)
	if _, err := r.ReadAt(head, 0); err != nil || modeOf("", head) != modeProgram || head[0] == '#' {
		return ""
	}
	info, err := buildinfo.Read(r)
	if err != nil {
		return ""
	}
	return info.GoVersion
}

// parts groups entries by what a person calls them.
func parts(entries []Entry) []Part {
	sums := map[string]*Part{}
	for _, e := range entries {
		name := partOf(e.Path)
		if sums[name] == nil {
			sums[name] = &Part{Name: name}
		}
		sums[name].Bytes += e.Size
		sums[name].PackedBytes += e.PackedSize
	}
	var list []Part
	for _, part := range sums {
		list = append(list, *part)
	}
	slices.SortFunc(list, func(a, b Part) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	return list
}

func partOf(name string) string {
	kind, rest, below := strings.Cut(name, "/")
	if !below {
		return strings.TrimSuffix(name, ".json")
	}
	switch kind {
	case "middlewares", "sidecars", "extensions":
		first, _, _ := strings.Cut(rest, "/")
		return kind + "/" + strings.TrimSuffix(first, ".json")
	}
	return kind
}
