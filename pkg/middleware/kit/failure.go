package kit

// How a hook that failed is told: to the log, and as an error document.

import (
	"encoding/json"
	"errors"
	"os"
	"runtime/debug"
	"strings"
)

// stackOfPanic gives the stack from where the panic was; the lines above that are about catching it.
func stackOfPanic() []string {
	lines := strings.Split(strings.TrimRight(string(debug.Stack()), "\n"), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "panic(") && i+2 < len(lines) {
			return lines[i+2:]
		}
	}
	return lines
}

// logFailure writes the message last: of what a middleware says in the end the runtime makes its own message.
func logFailure(err error) {
	var p *panicked
	text := err.Error() + "\n"
	if errors.As(err, &p) {
		text = strings.Join(p.stack, "\n") + "\n" + text
	}
	_, _ = os.Stderr.WriteString(text)
}

func errorDocument(err error) []byte {
	document := struct {
		ErrorType    string   `json:"errorType"`
		ErrorMessage string   `json:"errorMessage"`
		StackTrace   []string `json:"stackTrace"`
	}{defaultType, err.Error(), []string{}}
	var own *Error
	if errors.As(err, &own) && own.Type != "" {
		document.ErrorType = own.Type
	}
	var p *panicked
	if errors.As(err, &p) {
		document.StackTrace = p.stack
	}
	data, _ := json.Marshal(document) // strings: it can't fail
	return data
}
