package main

// docs/reference is what the commands say of themselves: `go test ./cmd/sor -run TestReference -update` writes it.

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var update = flag.Bool("update", false, "write golden files and docs/reference anew")

func TestReference(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "reference")
	want := map[string][]byte{}
	var add func(cmd *cobra.Command)
	add = func(cmd *cobra.Command) {
		cmd.DisableAutoGenTag = true
		cmd.InitDefaultHelpFlag()
		var page bytes.Buffer
		if err := doc.GenMarkdown(cmd, &page); err != nil {
			t.Fatal(err)
		}
		want[strings.ReplaceAll(cmd.CommandPath(), " ", "_")+".md"] = page.Bytes()
		for _, child := range cmd.Commands() {
			if child.IsAvailableCommand() || child.Name() == "exit-codes" {
				add(child)
			}
		}
	}
	root := newRootCommand(newUI(&bytes.Buffer{}))
	root.InitDefaultCompletionCmd()
	add(root)
	if *update {
		writeReference(t, dir, want)
	}
	have, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(have) != len(want) {
		t.Errorf("docs/reference has %d pages, the commands make %d; run make docs", len(have), len(want))
	}
	for name, page := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(got, page) {
			t.Errorf("docs/reference/%s is not what the command says; run make docs", name)
		}
	}
}

func writeReference(t *testing.T, dir string, pages map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, page := range pages {
		if err := os.WriteFile(filepath.Join(dir, name), page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHelpIsShort: a help fits a screen and shows an example that begins with the command itself.
func TestHelpIsShort(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		var page bytes.Buffer
		cmd.SetOut(&page)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(page.Bytes(), []byte("\n")); n > 60 {
			t.Errorf("%s --help has %d lines; 60 fit", cmd.CommandPath(), n)
		}
		if cmd.Runnable() && cmd.Name() != "exit-codes" && !strings.Contains(cmd.Example, "sor ") {
			t.Errorf("%s --help has no example", cmd.CommandPath())
		}
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk(newRootCommand(newUI(&bytes.Buffer{})))
}
