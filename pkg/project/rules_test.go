package project_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/pkg/project"
)

const runtimesHint = "there are node, python, ruby, bash, go, executable, managed, provided, and ./PATH for a language runtime of this project"

// around is a project in which most places are there.
var around = files{
	"middlewares/redact": "", "middlewares/audit/main.go": "", "middlewares/.hidden": "", "middlewares/a b": "", "other/redact": "",
	"layer/": "", "own/": "", "empty/": "", "src/": "", "file": "text", "p.zip": "PK\x05\x06", "notzip.zip": "zip",
	"a/": "", "b/": "", "c/": "", "d/": "", "e/": "",
}

// TestRules has one mistake each. What is wanted is place and message, and the hint in a second line if there is one.
func TestRules(t *testing.T) {
	const rest = "\nhandler: handler.hello\n"
	tests := []struct{ yaml, want string }{
		// runtime
		{"handler: handler.hello", "1:1 the key runtime is missing\n" + runtimesHint},
		{"runtime:" + rest, "1:9 runtime has no value\nremove the key, or give it a value"},
		{"runtime: ''" + rest, "1:10 runtime has no value\nremove the key, or give it a value"},
		{"runtime: [node]" + rest, "1:10 runtime is a list; it must be a text"},
		{"runtime: !Ref node" + rest, "1:10 runtime has the tag \"!Ref\", and tags are not understood here\nwrite the value itself"},
		{"runtime: rust" + rest, "1:10 there is no runtime \"rust\"\ndid you mean executable?"},
		{"runtime: perl" + rest, "1:10 there is no runtime \"perl\"\n" + runtimesHint},
		{"runtime: nodejs22.x" + rest, "1:10 there is no runtime \"nodejs22.x\"\ndid you mean `target: nodejs22.x` (and `runtime: node`)?"},
		{"runtime: nodejs18.x" + rest, "1:10 there is no runtime \"nodejs18.x\"\ndid you mean `runtime: node`? nodejs18.x is a target: AWS deprecated nodejs18.x on 2025-09-01; take nodejs24.x"},
		{"runtime: python3.13" + rest, "1:10 there is no runtime \"python3.13\"\ndid you mean `target: python3.13` (and `runtime: python`)?"},
		{"runtime: provided.al2023" + rest, "1:10 there is no runtime \"provided.al2023\"\ndid you mean `target: provided.al2023` (and `runtime: provided`)?"},
		{"runtime: nodejs" + rest, "1:10 there is no runtime \"nodejs\"\ndid you mean node?"},
		{"runtime: TypeScript" + rest, "1:10 there is no runtime \"TypeScript\"\ndid you mean node?"},
		{"runtime: Node" + rest, "1:10 there is no runtime \"Node\"\ndid you mean node?"},
		{"runtime: pyhton" + rest, "1:10 there is no runtime \"pyhton\"\ndid you mean python?"},
		{"runtime: go1.x" + rest, "1:10 there is no runtime \"go1.x\"\ndid you mean `runtime: go`? go1.x is a target: there is no target \"go1.x\"; there are nodejs24.x, nodejs22.x, python3.13, provided.al2023"},
		{"runtime: golang" + rest, "1:10 there is no runtime \"golang\"\ndid you mean go?"},
		{"runtime: java21" + rest, "1:10 there is no runtime \"java21\"\ndid you mean `runtime: managed`? java21 is a target: there is no target \"java21\"; there are nodejs24.x, nodejs22.x, python3.13, provided.al2023"},
		{"runtime: ./onw" + rest, "1:10 runtime: there is no ./onw\ndid you mean ./own?"},
		{"runtime: rt/main" + rest, "1:10 there is no runtime \"rt/main\"\ndid you mean ./rt/main?"},
		{"runtime: ." + rest, "1:10 runtime is the project itself, or a folder around it\nname a folder in it"},

		// handler
		{"runtime: node", "1:1 the key handler is missing\nas in `handler: handler.hello`: hello of handler.js, handler.py, handler.rb or handler.sh"},
		{"runtime: node\nhandler: hello", "2:10 handler is \"hello\"; node needs FILE.EXPORT, as in handler.hello"},
		{"runtime: node\nhandler: ../handler.hello", "2:10 handler is \"../handler.hello\"; node needs FILE.EXPORT, as in handler.hello"},
		{"runtime: python\nhandler: ./handler.hello", "2:10 handler is \"./handler.hello\"; python needs MODULE.FUNCTION, as in handler.hello\ndid you mean handler.hello?"},
		{"runtime: python\nhandler: hello", "2:10 handler is \"hello\"; python needs MODULE.FUNCTION, as in handler.hello"},
		{"runtime: ruby\nhandler: a.B.C.d", "2:10 handler is \"a.B.C.d\"; ruby needs FILE.METHOD or FILE.MODULE.METHOD, as in handler.hello"},
		{"runtime: bash\nhandler: hello.d/x", "2:10 handler is \"hello.d/x\"; bash needs FILE.FUNCTION, as in handler.hello"},
		{"runtime: nodejs\nhandler: hello", "1:10 there is no runtime \"nodejs\"\ndid you mean node?\n2:10 handler is \"hello\"; node needs FILE.EXPORT, as in handler.hello"},
		{"runtime: node\nhandler: my handler.hello", "2:10 handler is \"my handler.hello\"; Lambda allows 128 characters and no spaces"},
		{"runtime: node\nhandler: " + strings.Repeat("x", 50) + "." + strings.Repeat("x", 80), "2:10 handler is \"" + strings.Repeat("x", 50) + "." + strings.Repeat("x", 9) + "…\"; Lambda allows 128 characters and no spaces"},

		// go, executable, managed
		{"runtime: go", "1:1 the key handler is missing\nas in `handler: hello`: the name of the program in /var/task"},
		{"runtime: go\nhandler: bootstrap\nname: hello", "2:10 handler is \"bootstrap\"; Lambda would start /var/task/bootstrap itself, and the open runtime would silently not be there\nname it after what it does: `handler: hello`"},
		{"runtime: executable\nhandler: ./bin/hello", "2:10 handler is \"./bin/hello\"; runtime: executable needs the name of the program in /var/task\ndid you mean bin/hello?"},
		{"runtime: executable\nhandler: /var/task/hello", "2:10 handler is \"/var/task/hello\"; runtime: executable needs the name of the program in /var/task\ndid you mean hello?"},
		{"runtime: go\nhandler: ../hello", "2:10 handler is \"../hello\"; runtime: go needs the name of the program in /var/task"},
		{"runtime: managed" + rest, "1:10 runtime: managed needs a target\nas in `target: nodejs24.x`: it is the client of Node, Python, Ruby, Java or .NET that AWS starts there"},
		{"runtime: managed\ntarget: provided.al2023" + rest, "2:9 target is provided.al2023, which has no client of AWS's own; runtime: managed runs that of the target\nas in `target: nodejs24.x`: it is the client of Node, Python, Ruby, Java or .NET that AWS starts there\na program that speaks the Runtime API itself is `runtime: executable` or `runtime: go`"},
		{"runtime: managed\ntarget: python3.13\nhandler: hello", "3:10 handler is \"hello\"; python needs MODULE.FUNCTION, as in handler.hello"},
		// target, architecture, name, image
		{least + "target: nodejs18.x", "3:9 AWS deprecated nodejs18.x on 2025-09-01; take nodejs24.x"},
		{least + "target: nodejs22", "3:9 there is no target \"nodejs22\"; there are nodejs24.x, nodejs22.x, python3.13, provided.al2023\ndid you mean nodejs22.x?"},
		{least + "target: nodejs23.x", "3:9 there is no target \"nodejs23.x\"; there are nodejs24.x, nodejs22.x, python3.13, provided.al2023"},
		{least + "target: node", "3:9 there is no target \"node\"; there are nodejs24.x, nodejs22.x, python3.13, provided.al2023\ndid you mean `runtime: node`?"},
		{least + "architecture: ARM64", "3:15 there is no architecture \"ARM64\"; there are amd64 (x86_64) and arm64 (aarch64)\ndid you mean arm64?"},
		{least + "architecture: mips", "3:15 there is no architecture \"mips\"; there are amd64 (x86_64) and arm64 (aarch64)"},
		{least + "name: my function", "3:7 name is \"my function\"; Lambda allows letters, digits, - and _, 64 at most\ndid you mean my-function?"},
		{least + "name: " + strings.Repeat("x", 65), "3:7 name is \"" + strings.Repeat("x", 60) + "…\"; Lambda allows letters, digits, - and _, 64 at most\ndid you mean " + strings.Repeat("x", 64) + "?"},
		{least + "name: {a: b}", "3:7 name is keys with values; it must be a text"},
		{least + "name: \"a\\0b\"", "3:7 name has a NUL byte in it"},
		{least + "image: a b", "3:8 image is \"a b\"; a name of an image has no space in it"},

		// numbers
		{least + "timeout: -3", "3:10 timeout is -3; it must be a whole number of seconds, 1 to 900"},
		{least + "timeout: 0", "3:10 timeout is 0; it must be a whole number of seconds, 1 to 900"},
		{least + "timeout: 901", "3:10 timeout is 901; it must be a whole number of seconds, 1 to 900"},
		{least + "timeout: 3s", "3:10 timeout is the text \"3s\"; it must be a whole number of seconds, 1 to 900\na number without its unit: `timeout: 3`"},
		{least + "timeout: 2.5", "3:10 timeout is 2.5; it must be a whole number of seconds, 1 to 900"},
		{least + "timeout: 010", "3:10 timeout is 010; it must be a whole number of seconds, 1 to 900"},
		{least + "timeout: 0x10", "3:10 timeout is 0x10; it must be a whole number of seconds, 1 to 900"},
		{least + "timeout:", "3:9 timeout is empty; it must be a whole number of seconds, 1 to 900"},
		{least + "timeout: [3]", "3:10 timeout is a list; it must be a whole number of seconds, 1 to 900"},
		{least + "timeout: true", "3:10 timeout is true; it must be a whole number of seconds, 1 to 900"},
		{least + "timeout: !!int 3", "3:10 timeout has the tag \"!!int\", and tags are not understood here\nwrite the value itself"},
		{least + "memory: 127", "3:9 memory is 127; it must be a whole number of MB, 128 to 10240"},
		{least + "memory: 10241", "3:9 memory is 10241; it must be a whole number of MB, 128 to 10240"},
		{least + "memory: 99999999999999999999", "3:9 memory is 99999999999999999999; it must be a whole number of MB, 128 to 10240"},
		{least + "memory: 512MB", "3:9 memory is the text \"512MB\"; it must be a whole number of MB, 128 to 10240\na number without its unit: `memory: 512`"},
		{least + "tmp: 511", "3:6 tmp is 511; it must be a whole number of MB, 512 to 10240"},
		{least + "tmp: 10241", "3:6 tmp is 10241; it must be a whole number of MB, 512 to 10240"},

		// keys
		{least + "Runtime: node", "3:1 there is no key \"Runtime\"\ndid you mean runtime?"},
		{"Runtime: node\nHandler: a.b", "1:1 there is no key \"Runtime\"\ndid you mean runtime?\n2:1 there is no key \"Handler\"\ndid you mean handler?"},
		{least + "env: {}", "3:1 there is no key \"env\"\ndid you mean environment?"},
		{least + "MemorySize: 128", "3:1 there is no key \"MemorySize\"\ndid you mean memory?"},
		{least + "name: a\nname: b", "4:1 the key \"name\" is there twice, first in line 3"},
		{least + "<<: {name: a}", "3:1 merge keys (<<) are not understood here\nwrite the keys out, or give the value a name with & and repeat it with *"},
		{least + "? [a]\n: b", "3:3 a key is a list; it must be a word"},

		// environment
		{least + "environment: [A1=b]", "3:14 environment is a list; it must be keys with values\nas in `environment: { TABLE_NAME: orders }`"},
		{least + "environment:\n  A1:\n  A2: [x]", "4:6 environment: A1 has no value\nwrite \"\" for an empty text\n5:7 environment: A2 is a list; it must be a text"},
		{least + "environment: { A1: 1, A1: 2 }", "3:23 the key \"A1\" is there twice, first in line 3"},
		{least + "environment: { <<: {} }", "3:16 merge keys (<<) are not understood here\nwrite the names out"},
		{least + "environment: { MY-KEY: 1 }", "3:16 environment: Lambda allows no variable with the name \"MY-KEY\"\nletters, digits and _, two at least, a letter first"},
		{least + "environment: { _KEY: 1 }", "3:16 environment: Lambda allows no variable with the name \"_KEY\"\nletters, digits and _, two at least, a letter first"},
		{least + "environment: { A: 1 }", "3:16 environment: Lambda allows no variable with the name \"A\"\nletters, digits and _, two at least, a letter first"},
		{least + "environment: { AWS_REGION: eu }", "3:16 environment: AWS_REGION is reserved: Lambda sets it itself"},
		{least + "environment: { AWS_LAMBDA_EXEC_WRAPPER: /opt/wrap }", "3:16 environment: AWS_LAMBDA_EXEC_WRAPPER is what starts the open runtime on nodejs24.x\nSOR_NEXT_WRAPPER starts another wrapper after it"},
		{least + "environment: { _HANDLER: x }", "3:16 environment: _HANDLER is reserved: Lambda sets it itself"},
		{least + "environment: { AWS_LAMBDA_RUNTIME_API: x }", "3:16 environment: AWS_LAMBDA_RUNTIME_API is reserved: Lambda sets it itself"},
		{least + "environment: { A1: !Sub x }", "3:20 environment: A1 has the tag \"!Sub\", and tags are not understood here\nwrite the value itself"},
		{least + "environment:\n  BIG: " + strings.Repeat("x", 4094), "4:3 environment is 4097 bytes; Lambda allows 4096 for all names and values together"},

		// layers
		{least + "layers: p.zip", "3:9 layers is the text \"p.zip\"; it must be a list\ndid you mean `layers: [p.zip]`?"},
		{least + "layers:", "3:8 layers has no value\nwrite `layers: []` for none, or remove the key"},
		{least + "layers: {a: b}", "3:9 layers is keys with values; it must be a list\nan entry is a line that begins with `- `"},
		{least + "layers: [q.zip]", "3:10 layers: there is no q.zip\ndid you mean p.zip?"},
		{least + "layers: [empty/platform.zip]", "3:10 layers: there is no empty/platform.zip\n./empty/ has nothing in it"},
		{least + "layers: [nowhere/platform.zip]", "3:10 layers: there is no nowhere/platform.zip\nthere is no folder ./nowhere/"},
		{least + "layers: [~/platform.zip]", "3:10 layers: there is no ~/platform.zip\n~ is not understood here; write the path from this folder, or from /"},
		{least + "layers: [notzip.zip]", "3:10 layers: notzip.zip is no zip; a layer is a zip or a folder"},
		{least + "layers: [a, ./a]", "3:13 layers: ./a is listed twice, first in line 3"},
		{least + "layers: [a, b, c, d, e]", "3:22 there are 5 layers; 4 can be used\nLambda allows 5, and one is this project's own"},
		{least + "layers: [\"\", ~]", "3:10 layers: an entry is empty\nremove it, or give it a value\n3:14 layers: an entry has no value\nwrite \"\" for an empty text"},
		{least + "layers: [arn:aws:lambda:eu-west-1:1:layer:x:1]", "3:10 layers: arn:aws:lambda:eu-west-1:1:layer:x:1 is on AWS; a layer here is a zip or a folder\ndownload it (aws lambda get-layer-version-by-arn tells where) and name the zip"},

		// middlewares and sidecars
		{least + "middlewares: redact, audit", "3:14 middlewares is the text \"redact, audit\"; it must be a list\ndid you mean `middlewares: [redact, audit]`?"},
		{least + "middlewares:", "3:13 middlewares has no value\nwrite `middlewares: []` for none, or remove the key"},
		{least + "middlewares: [./middlewares/nothing]", "3:15 middlewares: there is no ./middlewares/nothing\n./middlewares/ has a b, audit, redact"},
		{least + "middlewares: ['./middlewares/reduct?']", "3:15 middlewares: there is no ./middlewares/reduct\ndid you mean ./middlewares/redact?"},
		{least + "middlewares: [audit?, redact]", "3:15 this `[` list is not closed, or lacks a comma\nin [ ] a name that ends in ? needs quotes: [\"audit?\"]"},
		{least + "middlewares: [redact]", "3:15 middlewares: redact is one of a layer, and there are no layers\ndid you mean ./middlewares/redact?"},
		{least + "middlewares: [middlewares/redact]", "3:15 middlewares: \"middlewares/redact\" is no name: letters, digits, dot, dash and underscore, 64 at most, a letter or digit first\ndid you mean ./middlewares/redact?"},
		{least + "middlewares: ['./middlewares/a b']", "3:15 middlewares: \"a b\" is no name: letters, digits, dot, dash and underscore, 64 at most, a letter or digit first\nrename the file"},
		{least + "middlewares: [./middlewares/redact, './other/redact?']", "3:37 middlewares: redact is listed twice, first in line 3"},
		{least + "middlewares: [audit.json]", "3:15 middlewares: \"audit.json\" is no name: .json and .wasm are what belongs to a middleware\na file or folder of this project is ./PATH; a name is one of a layer"},
		{least + "middlewares:\n  - name: redact", "4:5 middlewares: an entry is keys with values; it must be a text"},
		{least + "sidecars: [./proxy]", "3:12 sidecars: there is no ./proxy\nthis folder has a, b, c, d, e, empty, file, layer, middlewares, notzip.zip, other, own, …"},
		{least + "sidecars: [middlewares/redact]", "3:12 sidecars: \"middlewares/redact\" is no name: letters, digits, dot, dash and underscore, 64 at most, a letter or digit first\ndid you mean ./middlewares/redact?"},
		{least + "sidecars: [\"sor:x?\"]", "3:12 sidecars: \"sor:x\" is no name: letters, digits, dot, dash and underscore, 64 at most, a letter or digit first\na file or folder of this project is ./PATH; a name is one of a layer"},
		{least + "sidecars: [./empty]", "3:12 sidecars: ./empty is a folder with neither Go source nor a program empty in it\nput Go source in it, or an executable empty"},
		{least + "sidecars: [./middlewares/redact, \"redact?\"]", "3:34 sidecars: redact is listed twice, first in line 3"},
		{least + "sidecars: [a, a]", "3:15 sidecars: a is listed twice, first in line 3"},

		// code, extra, interpreters
		{least + "code: scr", "3:7 code: there is no scr\ndid you mean src?"},
		{least + "code: file", "3:7 code is the file file; it must be a folder\nit becomes /var/task as it is"},
		{least + "extra: layr", "3:8 extra: there is no layr\ndid you mean layer?"},
		{least + "extra: file", "3:8 extra is the file file; it must be a folder\nwhat is in it joins the layer: extensions/, lib/, bin/, nodejs/"},
		{least + "extra: ..", "3:8 extra is the project itself, or a folder around it\nname a folder in it"},
		{least + "interpreters: { python3: /usr }", "3:15 interpreters are packed by a later version of sor\nuntil then a folder that `extra:` names can carry one: bin/ and lib/ in it become /opt/bin and /opt/lib"},
		{least + "unwatched: '*.log'", "3:12 unwatched is the text \"*.log\"; it must be a list\ndid you mean `unwatched: [*.log]`?"},
		{least + "unwatched: ['[', '', a/**]", "3:13 unwatched: \"[\" is no pattern\na name such as *.log at any depth, or a path from this folder such as function/generated\n3:18 unwatched: an entry is empty\nremove it, or give it a value\n3:22 unwatched: \"a/**\" is no pattern\na name such as *.log at any depth, or a path from this folder such as function/generated"},
		{least + "ignore: [a]", "3:1 there is no key \"ignore\"\ndid you mean unwatched?"},
		{least + "interpreters: [python3]", "3:15 interpreters is a list; it must be keys with values\nas in `interpreters: { python3: /usr/lib/python3 }`"},

		// provided
		{"runtime: provided\nmiddlewares: [audit]\nsidecars: [s]\nextra: layer",
			"2:14 middlewares: runtime: provided starts the function's own bootstrap, without the open runtime\nremove the key, or take a runtime of the open runtime: node, python, ruby, bash, go, executable, managed\n" +
				"3:11 sidecars: runtime: provided starts the function's own bootstrap, without the open runtime\nremove the key, or take a runtime of the open runtime: node, python, ruby, bash, go, executable, managed\n" +
				"4:8 extra: runtime: provided starts the function's own bootstrap, without the open runtime\nremove the key, or take a runtime of the open runtime: node, python, ruby, bash, go, executable, managed"},
	}
	for _, test := range tests {
		list := files{"sor.yaml": test.yaml}
		for name, content := range around {
			list[name] = content
		}
		_, err := project.Load(write(t, list), options)
		if diff := cmp.Diff(test.want, summary(err)); diff != "" {
			t.Errorf("%s\n%s", test.yaml, diff)
		}
	}
}

// summary is place, message and hint of each error.
func summary(err error) string {
	list, ok := errors.AsType[project.Errors](err)
	if !ok {
		return fmt.Sprint(err)
	}
	var lines []string
	for _, e := range list {
		lines = append(lines, fmt.Sprintf("%d:%d %s", e.Line, e.Column, e.Message))
		if e.Hint != "" {
			lines = append(lines, e.Hint)
		}
	}
	return strings.Join(lines, "\n")
}

// TestTargetsWithoutCheck has a caller that knows the targets and nothing more.
func TestTargetsWithoutCheck(t *testing.T) {
	o := project.Options{Targets: []string{"nodejs22.x"}, Architecture: "arm64"}
	_, err := project.Load(write(t, files{"sor.yaml": least + "target: nodejs2.x\n"}), o)
	if got, want := summary(err), `3:9 there is no target "nodejs2.x"; there are nodejs22.x`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	p, err := project.Load(write(t, files{"sor.yaml": least}), o)
	if err != nil || p.Target != "" || p.Architecture != "arm64" {
		t.Errorf("got %+v, %v", p, err)
	}
}
