//go:build linux

package supervisor_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// environmentOf asks the runtime for its environment, with what differs each time masked.
func environmentOf(t *testing.T, f *function) []string {
	t.Helper()
	var list []string
	if err := json.Unmarshal(f.invoke(`{"Do":"environment"}`).Payload, &list); err != nil {
		t.Fatal(err)
	}
	for _, mask := range []struct{ pattern, name string }{
		{`^AWS_LAMBDA_RUNTIME_API=127\.0\.0\.1:\d+$`, "AWS_LAMBDA_RUNTIME_API=HOST:PORT"},
		{`^AWS_LAMBDA_LOG_STREAM_NAME=\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$`, "AWS_LAMBDA_LOG_STREAM_NAME=STREAM"},
	} {
		for i := range list {
			list[i] = regexp.MustCompile(mask.pattern).ReplaceAllLiteralString(list[i], mask.name)
		}
	}
	slices.Sort(list)
	return list
}

// The environment is Lambda's, and the function's own, and nothing besides: no HOME, no AWS_EXECUTION_ENV, no trace ID.
func TestEnvironment(t *testing.T) {
	t.Setenv("DEVELOPERS", "secret")
	f := program(t, variable("TABLE_NAME", "orders=x y"), func(s *setup) {
		s.host.Config.Credentials = map[string]string{"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
		s.inside.options.Runtime = "/var/runtime"
		s.inside.pathSuffix = []string{"/home/me/bin"}
	})
	task := taskOf(t, f)
	equal(t, "environment", environmentOf(t, f), []string{
		"AWS_ACCESS_KEY_ID=AKIA",
		"AWS_DEFAULT_REGION=eu-central-1",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1024",
		"AWS_LAMBDA_FUNCTION_NAME=hello",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/hello",
		"AWS_LAMBDA_LOG_STREAM_NAME=STREAM",
		"AWS_LAMBDA_RUNTIME_API=HOST:PORT",
		"AWS_REGION=eu-central-1",
		"AWS_SECRET_ACCESS_KEY=s",
		"AWS_SESSION_TOKEN=t",
		"AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS=169.254.79.129:2000",
		"LAMBDA_RUNTIME_DIR=/var/runtime",
		"LAMBDA_TASK_ROOT=" + task,
		"LANG=en_US.UTF-8",
		"LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:" + task + ":" + task + "/lib:" + f.opt + "/lib",
		"PATH=/usr/local/bin:/usr/bin:/bin:" + f.opt + "/bin:/home/me/bin",
		envRuntime + "=1",
		"TABLE_NAME=orders=x y",
		"TZ=:UTC",
		"_AWS_XRAY_DAEMON_ADDRESS=169.254.79.129",
		"_AWS_XRAY_DAEMON_PORT=2000",
		"_HANDLER=app.handle",
	})
}

// taskOf asks a function for its working directory, which is where its code is, and checks how it was started.
func taskOf(t *testing.T, f *function) string {
	t.Helper()
	var got []any
	if err := json.Unmarshal(f.invoke(`{"Do":"directory"}`).Payload, &got); err != nil {
		t.Fatal(err)
	}
	task := got[0].(string)
	equal(t, "directory, arguments, and whether it leads its own group", got, []any{task, []any{task + "/bootstrap"}, true})
	return task
}

// Of Lambda's own names a function may set those that Lambda lets it.
func TestReservedNames(t *testing.T) {
	free := map[string]string{"LANG": "C", "TZ": ":Europe/Berlin", "AWS_XRAY_CONTEXT_MISSING": "IGNORE", "AWS_LAMBDA_LOG_LEVEL": "DEBUG",
		"LD_LIBRARY_PATH": "/var/task/own", "PYTHONPATH": "/opt/own", "HOME": "/tmp", "AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH": "1"}
	reserved := []string{"_HANDLER", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME",
		"AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
		"AWS_LAMBDA_LOG_STREAM_NAME", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_ACCESS_KEY_ID"}
	f := program(t, func(s *setup) {
		s.host.Config.Credentials = map[string]string{"AWS_ACCESS_KEY_ID": "role's"}
		for name, value := range free {
			s.host.Config.Environment[name] = value
		}
		for _, name := range reserved {
			s.host.Config.Environment[name] = "taken over"
		}
		s.host.Config.Environment["PATH"] = "/own/bin"
		s.inside.pathSuffix = []string{"/home/me/bin"}
	})
	list := environmentOf(t, f)
	for _, line := range list {
		if strings.Contains(line, "taken over") {
			t.Errorf("a function can set %s", line)
		}
	}
	free["PATH"] = "/own/bin:/home/me/bin"
	for name, value := range free {
		if !slices.Contains(list, name+"="+value) {
			t.Errorf("a function can't set %s: %q", name, list)
		}
	}
}

// On a managed target the image's own bootstrap is started where there is one, and ours is its wrapper; else ours is.
func TestManaged(t *testing.T) {
	own, layer := "echo layer >&2; exec sleep 100", t.TempDir()
	task := t.TempDir()
	write := func(dir, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "bootstrap"), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(task, "echo code")
	write(layer, own)
	managed := func(runtime string) func(*setup) {
		return func(s *setup) {
			s.host.Config.Managed, s.inside.options.Runtime, s.host.Spec.Opt = true, runtime, layer
		}
	}
	runtime := t.TempDir()
	write(runtime, "echo image $AWS_LAMBDA_EXEC_WRAPPER; echo path $PATH; exec sleep 100")
	// One after the other: a supervisor that is not process 1 ends all that its process started.
	for name, test := range map[string]func(t *testing.T){
		"no image": func(t *testing.T) { start(t, task, managed(t.TempDir())).log.await(t, "layer") },
		"image": func(t *testing.T) {
			f := start(t, task, managed(runtime))
			equal(t, "wrapper", f.log.await(t, "image "), layer+"/bootstrap")
			equal(t, "PATH", f.log.await(t, "path "), "/var/lang/bin:/usr/local/bin:/usr/bin:/bin:"+layer+"/bin")
		},
		"own wrapper": func(t *testing.T) {
			f := start(t, task, managed(runtime), variable("AWS_LAMBDA_EXEC_WRAPPER", "/opt/own"))
			equal(t, "a wrapper of the function's own", f.log.await(t, "image "), "/opt/own")
		},
		"OS only, code first": func(t *testing.T) {
			start(t, task, func(s *setup) { s.host.Spec.Opt = layer }).log.await(t, "code")
		},
		"OS only, layer": func(t *testing.T) {
			start(t, t.TempDir(), func(s *setup) { s.host.Spec.Opt = layer }).log.await(t, "layer")
		},
	} {
		t.Run(name, test)
	}
}

// The runtime has its own three descriptors and, for traces, a fourth; as many more as on Lambda may be opened; stdin is empty.
func TestDescriptors(t *testing.T) {
	f := program(t)
	// ls has its own
	equal(t, "descriptors, limit, bytes of stdin", string(f.invoke(`{"Do":"descriptors"}`).Payload), `[["0","1","2","3","1024","0"],null]`)
}
