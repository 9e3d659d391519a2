package invokeapi

// ListFunctions, GetFunction and GetFunctionConfiguration, for programs that look before they invoke, or wait until a
// function is active: every function here is.
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// configuration is AWS's FunctionConfiguration, as far as a local function has one.
type configuration struct {
	FunctionName     string
	FunctionArn      string
	Runtime          string `json:",omitempty"`
	Handler          string
	Timeout          int64 // seconds
	MemorySize       int   // MB
	Version          string
	PackageType      string
	Architectures    []string     `json:",omitempty"`
	Environment      *environment `json:",omitempty"`
	State            string
	LastUpdateStatus string
}

type environment struct{ Variables map[string]string }

func (f Served) configuration() configuration {
	c := f.Config()
	described := configuration{
		FunctionName: c.FunctionName, FunctionArn: c.FunctionARN, Runtime: f.Runtime, Handler: c.Handler, Timeout: (c.TimeoutMs + 999) / 1000,
		MemorySize: c.MemoryMB, Version: c.FunctionVersion, PackageType: "Zip", State: "Active", LastUpdateStatus: "Successful",
	}
	if f.Architecture != "" {
		described.Architectures = []string{f.Architecture}
	}
	if len(c.Environment) > 0 {
		described.Environment = &environment{c.Environment}
	}
	return described
}

func (s *server) listFunctions(w http.ResponseWriter, _ *http.Request) {
	list := struct{ Functions []configuration }{[]configuration{}}
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		list.Functions = append(list.Functions, s.functions[name].configuration())
	}
	describe(w, list)
}

func (s *server) getFunction(w http.ResponseWriter, r *http.Request) {
	s.describeOne(w, r, func(c configuration) any {
		return struct {
			Configuration configuration
			Code          struct{} // it is where the developer has it
		}{Configuration: c}
	})
}

func (s *server) getConfiguration(w http.ResponseWriter, r *http.Request) {
	s.describeOne(w, r, func(c configuration) any { return c })
}

func (s *server) describeOne(w http.ResponseWriter, r *http.Request, as func(configuration) any) {
	f, _, refused := s.target(r)
	if refused != nil {
		refused.write(w)
		return
	}
	describe(w, as(f.configuration()))
}

func describe(w http.ResponseWriter, what any) {
	body, err := json.Marshal(what)
	if err != nil { // strings and numbers only: cannot happen
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a caller that hung up needs no answer
}
