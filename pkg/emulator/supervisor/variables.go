//go:build linux

package supervisor

// The environment of the runtime's process, and nothing besides.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// unreserved are the names of Lambda's own variables that a function may set.
var unreserved = map[string]bool{
	"LANG": true, "PATH": true, "LD_LIBRARY_PATH": true, "TZ": true, "NODE_PATH": true, "PYTHONPATH": true, "GEM_PATH": true,
	"AWS_XRAY_CONTEXT_MISSING": true, "AWS_XRAY_DAEMON_ADDRESS": true, "AWS_LAMBDA_LOG_FORMAT": true, "AWS_LAMBDA_LOG_LEVEL": true,
	"AWS_LAMBDA_EXEC_WRAPPER": true,
}

func (s *supervisor) runtimeEnvironment() []string {
	env := s.lambdaEnvironment()
	for key, value := range s.config.Environment {
		if _, lambdas := env[key]; !lambdas || unreserved[key] {
			env[key] = value
		}
	}
	maps.Copy(env, s.config.Credentials)
	if s.config.Loose && env["HOME"] == "" {
		env["HOME"] = emulator.LooseHome
	}
	env["PATH"] = strings.Join(append([]string{env["PATH"]}, s.config.Facts.PathSuffix...), ":")
	if s.config.Managed {
		if _, err := os.Stat(s.options.Runtime + "/bootstrap"); err == nil && env["AWS_LAMBDA_EXEC_WRAPPER"] == "" {
			env["AWS_LAMBDA_EXEC_WRAPPER"] = s.options.Opt + "/bootstrap"
		}
	}
	if s.config.Concurrency > 0 {
		env["AWS_LAMBDA_MAX_CONCURRENCY"] = fmt.Sprint(s.config.Concurrency)
	}
	if d := s.config.Debug; d != nil {
		plan, _ := json.Marshal(d) // strings only: cannot fail
		env["SOR_DEBUG"], env["SOR_DEBUGGER"], env[frames.DebugVariable] = d.What, debugger(), string(plan)
	}
	if s.config.Trace {
		env["SOR_TRACE"] = "fd:3"
	}
	list := make([]string, 0, len(env))
	for _, key := range slices.Sorted(maps.Keys(env)) {
		list = append(list, key+"="+env[key])
	}
	return list
}

// lambdaEnvironment is what Lambda itself sets for an OS-only runtime, and /var/lang/bin for a managed one.
func (s *supervisor) lambdaEnvironment() map[string]string {
	path := "/usr/local/bin:/usr/bin:/bin:" + s.options.Opt + "/bin"
	if s.config.Managed {
		path = "/var/lang/bin:" + path
	}
	return map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          s.api,
		"_HANDLER":                        s.config.Handler,
		"AWS_REGION":                      s.config.Region,
		"AWS_DEFAULT_REGION":              s.config.Region,
		"AWS_LAMBDA_FUNCTION_NAME":        s.config.FunctionName,
		"AWS_LAMBDA_FUNCTION_VERSION":     s.config.FunctionVersion,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": fmt.Sprint(s.config.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  s.initializationType(),
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + s.config.FunctionName,
		"AWS_LAMBDA_LOG_STREAM_NAME":      s.logStream(),
		"LAMBDA_TASK_ROOT":                s.options.Task,
		"LAMBDA_RUNTIME_DIR":              s.options.Runtime,
		"LANG":                            "en_US.UTF-8",
		"TZ":                              ":UTC",
		"PATH":                            path,
		"LD_LIBRARY_PATH":                 "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:" + s.options.Task + ":" + s.options.Task + "/lib:" + s.options.Opt + "/lib",
		"AWS_XRAY_CONTEXT_MISSING":        "LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS":         "169.254.79.129:2000",
		"_AWS_XRAY_DAEMON_ADDRESS":        "169.254.79.129",
		"_AWS_XRAY_DAEMON_PORT":           "2000",
	}
}

// initializationType is how the environment came to be.
func (s *supervisor) initializationType() string {
	if s.config.Concurrency > 0 {
		return "lambda-managed-instances"
	}
	return "on-demand"
}

// logStream names the log stream of an environment as Lambda does: day, version and 32 hex digits.
func (s *supervisor) logStream() string {
	var random [16]byte
	rand.Read(random[:]) // never fails: crypto/rand
	return fmt.Sprintf("%s/[%s]%s", time.Now().UTC().Format("2006/01/02"), s.config.FunctionVersion, hex.EncodeToString(random[:]))
}
