//go:build linux

package callers_test

// Callers: programs that invoke. Each is asked in its own way and tells what it heard in one shape.

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// ask is one invocation, as testdata/sdk and testdata/boto3 read it.
type ask struct {
	Endpoint, Function, Type, Qualifier, ClientContext, Tenant string
	Tail, Stream                                               bool
	Payload                                                    []byte
}

// answer is what a caller heard. Of an error of the API, Code is its type; of an error within a stream, InvokeComplete's.
type answer struct {
	Chunk         string // of a stream: that is all of it then
	Status        int
	FunctionError string
	Version       string
	Payload       []byte
	Log           string
	RequestID     string
	Code, Message string
	Reason        string
}

// caller invokes. chunk is called with each chunk of a stream as it comes.
type caller struct {
	name    string
	streams bool
	call    func(t *testing.T, a ask, chunk func(string)) answer
}

func callers(t *testing.T) []caller {
	t.Helper()
	return []caller{
		{"cli", false, callCLI},
		{"boto3", true, callBoto3},
		{"sdk", true, func(t *testing.T, a ask, chunk func(string)) answer {
			return converse(t, exec.Command(filepath.Join(peer(t, "sdk"), "sdk")), a, chunk)
		}},
		{"curl", true, callCurl},
	}
}

// each runs a test with every caller, side by side.
func each(t *testing.T, test func(t *testing.T, c caller)) {
	t.Helper()
	for _, c := range callers(t) {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); test(t, c) })
	}
}

// python is the real one: what version managers put on PATH is a slow script.
var python = sync.OnceValue(func() string {
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return "python3"
	}
	return strings.TrimSpace(string(out))
})

func callBoto3(t *testing.T, a ask, chunk func(string)) answer {
	t.Helper()
	cmd := exec.Command(python(), "-B", "testdata/boto3/caller.py")
	cmd.Env = append(plainEnviron(), "PYTHONPATH="+peer(t, "boto3"))
	return converse(t, cmd, a, chunk)
}

// plainEnviron keeps a machine's own settings of AWS out.
func plainEnviron() (environ []string) {
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "AWS_") {
			environ = append(environ, variable)
		}
	}
	return append(environ, "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
}

// converse asks a program that reads and writes JSON.
func converse(t *testing.T, cmd *exec.Cmd, a ask, chunk func(string)) answer {
	t.Helper()
	question, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(question), &stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var last answer
	for decoder := json.NewDecoder(stdout); err == nil; {
		var next answer
		if err = decoder.Decode(&next); err == nil {
			if last = next; next.Chunk != "" {
				chunk(next.Chunk)
			}
		}
	}
	if ended := cmd.Wait(); ended != nil || err != io.EOF {
		t.Fatalf("%s: %v, %v\n%s", cmd.Args, ended, err, stderr.Bytes())
	}
	return last
}

// cliError is what `aws` says of an error of the API.
var cliError = regexp.MustCompile(`An error occurred \((\w+)\) when calling the (?:Invoke|InvokeWithResponseStream) operation(?: \(reached max retries: \d+\))?: (.*)`)

// callCLI is AWS's command line, version 1 or 2. It does not say the status of an error.
func callCLI(t *testing.T, a ask, _ func(string)) answer {
	t.Helper()
	dir := t.TempDir()
	event, payload := filepath.Join(dir, "event"), filepath.Join(dir, "payload")
	place(t, event, a.Payload, 0o644)
	args := []string{"invoke", "--function-name", a.Function, "--payload", "fileb://" + event}
	for _, option := range [][2]string{
		{"--invocation-type", a.Type}, {"--qualifier", a.Qualifier}, {"--client-context", a.ClientContext}, {"--tenant-id", a.Tenant},
	} {
		if option[1] != "" {
			args = append(args, option[0], option[1])
		}
	}
	if a.Tail {
		args = append(args, "--log-type", "Tail")
	}
	cmd := awsLambda(t, a.Endpoint, append(args, payload)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if told := cliError.FindSubmatch(stderr.Bytes()); told != nil {
		return answer{Code: string(told[1]), Message: string(told[2])}
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd.Args, err, stderr.Bytes())
	}
	var heard struct {
		StatusCode                                int
		FunctionError, ExecutedVersion, LogResult string
	}
	if err := json.Unmarshal(out, &heard); err != nil {
		t.Fatalf("%s: %v\n%s", cmd.Args, err, out)
	}
	content, err := os.ReadFile(payload)
	if err != nil {
		t.Fatal(err)
	}
	return answer{
		Status: heard.StatusCode, FunctionError: heard.FunctionError, Version: heard.ExecutedVersion, Payload: content,
		Log: decode(t, heard.LogResult),
	}
}

// awsLambda is a command of `aws lambda`.
func awsLambda(t *testing.T, endpoint string, args ...string) *exec.Cmd {
	t.Helper()
	aws, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("there is no aws on this machine: Debian's package is awscli")
	}
	cmd := exec.Command(aws, append([]string{"lambda", "--endpoint-url", endpoint, "--region", "us-east-1", "--output", "json"}, args...)...)
	cmd.Env = append(plainEnviron(), "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=")
	return cmd
}

func decode(t *testing.T, log string) string {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(log)
	if err != nil {
		t.Fatalf("the log is no base64: %v: %.200q", err, log)
	}
	return string(text)
}

// callCurl is the wire itself.
func callCurl(t *testing.T, a ask, chunk func(string)) answer {
	t.Helper()
	path := "/2015-03-31/functions/" + strings.ReplaceAll(a.Function, ":", "%3A") + "/invocations"
	if a.Stream {
		path = "/2021-11-15/functions/" + strings.ReplaceAll(a.Function, ":", "%3A") + "/response-streaming-invocations"
	}
	if a.Qualifier != "" {
		path += "?Qualifier=" + a.Qualifier
	}
	args := []string{"-H", "Content-Type: application/json"}
	for _, header := range [][2]string{
		{"X-Amz-Invocation-Type", a.Type}, {"X-Amz-Client-Context", a.ClientContext}, {"X-Amz-Tenant-Id", a.Tenant},
	} {
		if header[1] != "" {
			args = append(args, "-H", header[0]+": "+header[1])
		}
	}
	if a.Tail {
		args = append(args, "-H", "X-Amz-Log-Type: Tail")
	}
	told := curl(t, a.Endpoint+path, append([]byte{}, a.Payload...), args...)
	defer told.end()
	result := answer{
		Status: told.status, FunctionError: told.header.Get("X-Amz-Function-Error"), Version: told.header.Get("X-Amz-Executed-Version"),
		Log: decode(t, told.header.Get("X-Amz-Log-Result")), RequestID: told.header.Get("X-Amzn-Requestid"),
	}
	if a.Stream && told.status == 200 {
		told.events(&result, chunk)
		return result
	}
	result.Payload = told.rest()
	if result.Code = told.header.Get("X-Amzn-Errortype"); result.Code != "" {
		var document struct{ Type, Message, Reason string }
		if err := json.Unmarshal(result.Payload, &document); err != nil || document.Type == "" {
			t.Errorf("%s: the error's body is %v: %s", result.Code, err, result.Payload)
		}
		result.Message, result.Reason, result.Payload = document.Message, document.Reason, nil
	}
	return result
}

// wants compares what was heard with what AWS documents. What a caller can't tell is not asked of it.
func (c caller) wants(t *testing.T, got, want answer) {
	t.Helper()
	if c.name == "cli" && want.Code != "" {
		want.Status, want.Reason = 0, ""
	}
	if got.Status != want.Status || got.FunctionError != want.FunctionError || got.Version != want.Version || got.Code != want.Code ||
		got.Reason != want.Reason {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !regexp.MustCompile(`^(?s:` + string(want.Payload) + `)$`).Match(got.Payload) {
		t.Errorf("got the payload %.300q, want %s", got.Payload, want.Payload)
	}
	if !regexp.MustCompile(want.Message).MatchString(got.Message) {
		t.Errorf("got the message %q, want %s", got.Message, want.Message)
	}
	if !regexp.MustCompile(`^(?s:` + want.Log + `)$`).MatchString(got.Log) {
		t.Errorf("got the log %q, want %s", got.Log, want.Log)
	}
	if c.name != "cli" && !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(got.RequestID) {
		t.Errorf("got the request ID %q", got.RequestID)
	}
}

func (a answer) String() string {
	return fmt.Sprintf("status %d, function error %q, version %q, code %q, message %q, reason %q, payload %.200q",
		a.Status, a.FunctionError, a.Version, a.Code, a.Message, a.Reason, a.Payload)
}

func quoted(s string) []byte { return []byte(strconv.Quote(s)) }
