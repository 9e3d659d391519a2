package main

// From a layer's tree to the files in dist: packed once for the same content, kept in the cache, and copied from there.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/serverless/open-runtime/internal/wholefile"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
)

// outputFile is where the cache has what was told of a packed layer.
const outputFile = "output.json"

// writeLayer writes the layer's zip and what is beside it into dir, and tells the sizes.
func (w *workspace) writeLayer(p *project.Project, tree *layer.Tree, arch, dir string, waived []string) (layer.Output, error) {
	output, err := w.writeZip(tree, p.Name+"-"+arch, dir, layer.Meta{
		Name: p.Name, Arch: arch, Target: p.Target, Runtime: p.Runtime,
		Middlewares: defaultsOf(p).Middlewares, SorVersion: sorVersion(), Waived: waived,
	})
	if err == nil {
		w.sizeTable(output)
	}
	return output, err
}

// writeCode writes the zip of the function's code and what is beside it into dir.
func (w *workspace) writeCode(p *project.Project, tree *layer.Tree, arch, dir string, waived []string) (layer.Output, error) {
	return w.writeZip(tree, p.Name+"-function-"+arch, dir, layer.Meta{
		Name: p.Name, Arch: arch, Target: p.Target, Runtime: p.Runtime, SorVersion: sorVersion(), Waived: waived, Code: true,
	})
}

func (w *workspace) writeZip(tree *layer.Tree, name, dir string, meta layer.Meta) (layer.Output, error) {
	start := time.Now()
	packed, before, err := w.packed(tree, name, meta)
	if limit, ok := errors.AsType[*layer.LimitError](err); ok {
		return layer.Output{}, fail(exitLimit, limit.Fix, err)
	}
	if err != nil {
		return layer.Output{}, fmt.Errorf("packing %s: %w", name, err)
	}
	output, err := copyPacked(packed, dir)
	if err != nil {
		return layer.Output{}, err
	}
	verb := "packed"
	if before {
		verb = "packed before:"
	}
	w.step(start, "%s %s: %s, %s unzipped", verb, w.displayPath(output.Zip), megabytes(output.ZipBytes), megabytes(output.UnzippedBytes))
	return output, nil
}

// packed gives the folder of the cache that has the packed layer; before says that it was there.
func (w *workspace) packed(tree *layer.Tree, name string, meta layer.Meta) (dir string, before bool, err error) {
	content, err := tree.Hash()
	if err != nil {
		return "", false, err
	}
	told, err := json.Marshal(meta)
	if err != nil {
		return "", false, err
	}
	before = true
	dir, err = w.cache.Dir("zip", hashText(strings.Join([]string{name, content, string(told)}, "\n")), func(dir string) error {
		before = false
		output, err := tree.WriteFiles(dir, name, meta, func(done, total int64) { w.progress("packing "+name, done, total) })
		if err != nil {
			return err
		}
		data, err := json.Marshal(output)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, outputFile), data, 0o644)
	})
	return dir, before, err
}

// copyPacked copies a packed layer's files, each of which appears whole.
func copyPacked(from, dir string) (layer.Output, error) {
	var output layer.Output
	data, err := os.ReadFile(filepath.Join(from, outputFile))
	if err == nil {
		err = json.Unmarshal(data, &output)
	}
	if err != nil {
		return output, fmt.Errorf("reading what was packed: %w", err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return output, fmt.Errorf("writing layer: %w", err)
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return output, fmt.Errorf("reading what was packed: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() == outputFile {
			continue
		}
		if err := copyFile(filepath.Join(from, entry.Name()), filepath.Join(dir, entry.Name())); err != nil {
			return output, err
		}
	}
	output.Zip = filepath.Join(dir, filepath.Base(output.Zip))
	return output, nil
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("reading what was packed: %w", err)
	}
	defer source.Close()
	return wholefile.Write(to, func(file *os.File) error {
		_, err := io.Copy(file, source)
		return err
	})
}

// sizeTable shows where the bytes are, largest first, and what AWS allows.
func (w *workspace) sizeTable(output layer.Output) {
	if w.quiet {
		return
	}
	var table strings.Builder
	tab := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, part := range output.Parts {
		fmt.Fprintf(tab, "%s\t%s\t  %s\n", megabytes(part.Bytes), megabytes(part.PackedBytes), part.Name)
	}
	fmt.Fprintf(tab, "%s\t%s\t  in all\n", megabytes(output.UnzippedBytes), megabytes(output.ZipBytes))
	fmt.Fprintf(tab, "%s\t%s\t  Lambda allows (unzipped with the function's code and other layers; zip by direct upload)\n",
		megabytes(layer.MaxUnzipped), megabytes(layer.MaxZip))
	_ = tab.Flush() // into memory
	w.line("   unzipped    zip")
	w.line(strings.TrimRight(table.String(), "\n"))
}
