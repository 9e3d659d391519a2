// Command runtime is a language runtime that has nothing to load: with frames/1 it is ready at once, with the lines of 2018
// it waits for the first.
package main

import (
	"bufio"
	"io"
	"os"
)

func main() {
	frames := os.NewFile(4, "frames")
	if _, err := bufio.NewReader(frames).ReadSlice('\n'); err == nil {
		os.NewFile(3, "answers").WriteString(`{"type":"ready","version":1}` + "\n")
		io.Copy(io.Discard, frames)
	}
	io.Copy(io.Discard, os.Stdin)
}
