package main

// An error document made readable: type, message, the user's own frames with paths of the project, and the source line.

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// taskFrame finds a place in the function's code in a line of a stack, whatever language wrote it:
// "at f (/var/task/a.js:3:9)", `File "/var/task/a.py", line 3, in f`, "/var/task/a.rb:3:in `f'".
var taskFrame = regexp.MustCompile(`(?:file://)?/var/task/([^\s:"')]+)(?::(\d+)(?::(\d+))?|", line (\d+))`)

const mostFrames = 8

// describeError gives the lines for stderr. code is the folder of the function's code, wd where the user stands.
func describeError(document []byte, code, wd string) []string {
	doc, ok := runtimeapi.ParseError(document)
	if !ok {
		return nil
	}
	message := strings.TrimRight(doc.Message, "\n")
	lines := []string{strings.TrimPrefix(doc.Type+": "+message, ": ")}
	shown := 0
	for _, frame := range doc.StackTrace {
		for line := range strings.Lines(frame) {
			place, source := locateFrame(line, code, wd)
			if place == "" || shown == mostFrames {
				continue
			}
			lines = append(lines, "    at "+place)
			if shown == 0 && source != "" {
				lines = append(lines, "       "+source)
			}
			shown++
		}
	}
	return lines
}

// locateFrame gives a stack line's place in the project and the source text there; "" for a line that names none.
func locateFrame(line, code, wd string) (place, source string) {
	match := taskFrame.FindStringSubmatch(line)
	if match == nil || strings.Contains(match[1], "node_modules/") {
		return "", ""
	}
	number := match[2] + match[4]
	path := filepath.Join(code, filepath.FromSlash(match[1]))
	place = path
	if rel, err := filepath.Rel(wd, path); err == nil && !strings.HasPrefix(rel, "..") {
		place = rel
	}
	place += ":" + number
	if match[3] != "" {
		place += ":" + match[3]
	}
	if n, err := strconv.Atoi(number); err == nil {
		source = sourceLine(path, n)
	}
	return place, source
}

// sourceLine gives line n of a file as "n | text", or "".
func sourceLine(path string, n int) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	reader := bufio.NewReader(file)
	for i := 1; ; i++ {
		line, err := reader.ReadString('\n')
		if i == n {
			return fmt.Sprintf("%d | %s", n, strings.TrimRight(line, "\r\n"))
		}
		if err != nil {
			return ""
		}
	}
}
