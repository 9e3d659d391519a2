package project_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/pkg/project"
)

// TestHandlerThere has handlers that the language runtimes find.
func TestHandlerThere(t *testing.T) {
	tests := []struct{ runtime, handler, file string }{
		{"node", "handler.hello", "handler.js"},
		{"node", "handler.hello", "handler.mjs"},
		{"node", "handler.hello", "handler.cjs"},
		{"node", "handler.hello", "handler"},
		{"node", "./handler.hello", "handler.js"},
		{"node", "dist/app.orders.handler", "dist/app.js"},
		{"node", "v1.2/app.handler", "v1.2/app.js"},
		{"node", "wrapper.handler", "node_modules/wrapper/package.json"},
		{"node", "/opt/nodejs/wrapper.handler", "nothing"},
		{"python", "handler.hello", "handler.py"},
		{"python", "pkg.orders.hello", "pkg/orders.py"},
		{"python", "pkg/orders.hello", "pkg/orders.py"},
		{"python", "pkg.hello", "pkg/__init__.py"},
		{"python", "handler.hello", "handler.cpython-313-x86_64-linux-gnu.so"},
		{"python", "pkg.orders.hello", "pkg/orders.cpython-313-x86_64-linux-gnu.so"},
		{"ruby", "handler.hello", "handler.rb"},
		{"ruby", "lambda.Adapter.handler", "lambda.rb"},
		{"ruby", "lib/lambda.handler", "lib/lambda.rb"},
		{"bash", "handler.hello", "handler.sh"},
		{"bash", "handler.hello", "handler.bash"},
		{"bash", "handler.hello", "handler"},
		{"bash", "handler.sh.hello", "handler.sh"},
		{"./rt", "anything", "nothing"},
		{"provided", "anything.at.all", "nothing"},
		{"go", "hello", "main.go"},
		{"executable", "bin/hello", "bin/hello"},
	}
	for _, test := range tests {
		dir := write(t, files{"sor.yaml": "runtime: " + test.runtime + "\nhandler: " + test.handler + "\n", "function/" + test.file: "", "rt": ""})
		p, err := project.Load(dir, options)
		if err == nil {
			err = p.CheckHandler()
		}
		if err != nil {
			t.Errorf("%s %s in %s: %v", test.runtime, test.handler, test.file, err)
		}
	}
}

func TestHandlerNotThere(t *testing.T) {
	tests := []struct {
		runtime, handler string
		files            files
		want             string
	}{
		{"node", "nofile.hello", files{"function/handler.js": ""},
			"2:10 handler is \"nofile.hello\"; there is no nofile.js, nofile.mjs, nofile.cjs, nofile in function/\nthere is handler.js"},
		{"executable", "helo", files{"function/hello": "", "function/lib.so": ""},
			"2:10 handler is \"helo\"; there is no helo in function/\ndid you mean hello?"},
		{"executable", "target/release/hello", files{"function/hello": ""},
			"2:10 handler is \"target/release/hello\"; there is no target/release/hello in function/\nthere is nothing in it"},
		{"node", "handlr.hello", files{"function/handler.mjs": ""},
			"2:10 handler is \"handlr.hello\"; there is no handlr.js, handlr.mjs, handlr.cjs, handlr in function/\ndid you mean handler.hello?"},
		{"node", "Handler.hello", files{"function/handler.js": ""}, // told on file systems without case too
			"2:10 handler is \"Handler.hello\"; there is no Handler.js, Handler.mjs, Handler.cjs, Handler in function/\ndid you mean handler.hello?"},
		{"node", "function/handler.hello", files{"function/handler.js": ""},
			"2:10 handler is \"function/handler.hello\"; there is no function/handler.js, function/handler.mjs, function/handler.cjs, function/handler in function/\ndid you mean handler.hello? It is looked for in function/"},
		{"node", "handler.hello", files{"function/handler.js/": ""},
			"2:10 handler is \"handler.hello\"; there is no handler.js, handler.mjs, handler.cjs, handler in function/\ndid you mean handler.hello?"},
		{"node", "handler.hello", files{"function/handler.ts": ""},
			"2:10 handler is \"handler.hello\"; there is no handler.js, handler.mjs, handler.cjs, handler in function/\nthere is handler.ts"},
		{"node", "handler.hello", nil,
			"2:10 handler is \"handler.hello\"; there is no handler.js, handler.mjs, handler.cjs, handler in the project's folder\nthere is sor.yaml"},
		{"python", "pkg.oders.hello", files{"function/pkg/orders.py": ""},
			"2:10 handler is \"pkg.oders.hello\"; there is no pkg/oders.py, pkg/oders/__init__.py, pkg/oders.pyc, pkg/oders.so in function/\ndid you mean pkg/orders.hello?"},
		{"python", "handler.hello", files{"function/": ""},
			"2:10 handler is \"handler.hello\"; there is no handler.py, handler/__init__.py, handler.pyc, handler.so in function/\nthere is nothing in it"},
		{"ruby", "lamda.Adapter.handler", files{"function/lambda.rb": ""},
			"2:10 handler is \"lamda.Adapter.handler\"; there is no lamda.rb in function/\ndid you mean lambda.Adapter.handler?"},
		{"bash", "handler.hello", files{"function/run.sh": ""},
			"2:10 handler is \"handler.hello\"; there is no handler.sh, handler.bash, handler in function/\nthere is run.sh"},
	}
	for _, test := range tests {
		list := files{"sor.yaml": "runtime: " + test.runtime + "\nhandler: " + test.handler + "\n"}
		for name, content := range test.files {
			list[name] = content
		}
		p, err := project.Load(write(t, list), options)
		if err != nil {
			t.Errorf("%s: %v", test.handler, err)
			continue
		}
		if diff := cmp.Diff(test.want, summary(p.CheckHandler())); diff != "" {
			t.Errorf("%s: %s", test.handler, diff)
		}
	}
}

// TestHandlerOfLayer has handlers that a layer's libraries may have.
func TestHandlerOfLayer(t *testing.T) {
	for _, test := range []struct {
		yaml  string
		files files
		found bool
	}{
		{"layers: [lib]", files{"lib/nodejs/node_modules/wrapper/": ""}, true},
		{"extra: lib", files{"lib/nodejs/": ""}, true},
		{"layers: [lib]", files{"lib/python/": ""}, false},
		{"layers: [lib.zip]", files{"zip": "nodejs/node_modules/wrapper/index.js"}, true},
		{"layers: [lib.zip]", files{"zip": "middlewares/audit"}, false},
		{"layers: [lib.zip]", files{"lib.zip": "PK\x03\x04 is all that is right"}, true},
	} {
		list := files{"sor.yaml": "runtime: node\nhandler: wrapper.handler\n" + test.yaml + "\n", "function/": ""}
		for name, content := range test.files {
			list[name] = content
		}
		dir := write(t, list)
		if name := test.files["zip"]; name != "" {
			writeZip(t, filepath.Join(dir, "lib.zip"), name)
		}
		p, err := project.Load(dir, options)
		if err != nil {
			t.Error(err)
		} else if err := p.CheckHandler(); (err == nil) != test.found {
			t.Errorf("%s with %v: got %v", test.yaml, test.files, err)
		}
	}
}

func writeZip(t *testing.T, path, name string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(file)
	if _, err := archive.Create(name); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestHandlerOfUnloaded has a Project that has no sor.yaml to point at.
func TestHandlerOfUnloaded(t *testing.T) {
	p := &project.Project{Runtime: "ruby", Handler: "handler.hello", Dir: t.TempDir()}
	p.Code = p.Dir
	if got, want := summary(p.CheckHandler()), `handler is "handler.hello"; there is no handler.rb in the project's folder`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
