package project

// environment: what Lambda would refuse is refused here.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxEnvironment is what Lambda allows for all names and values together, in bytes.
const maxEnvironment = 4096

// variableName is what Lambda takes for a name: a letter first, and two characters at least.
var variableName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)

// reserved are the names that Lambda sets itself. Others may begin with AWS_LAMBDA_: libraries and extensions have such.
var reserved = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
	"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN", "AWS_LAMBDA_MAX_CONCURRENCY",
	"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}

// On a managed target this variable is what Lambda starts the bootstrap by.
const (
	execWrapper = "AWS_LAMBDA_EXEC_WRAPPER"
	ownWrapper  = "/opt/bootstrap"
)

// CheckVariable says what a variable of the environment would do to the open runtime: with another wrapper in its place
// Lambda would not start it, and no middleware would run, without a word of it.
func (p *Project) CheckVariable(name, value string) error {
	managed := p.Target != "" && !strings.HasPrefix(p.Target, Provided)
	if name != execWrapper || value == ownWrapper || p.Runtime == Provided || !managed {
		return nil
	}
	return fmt.Errorf("%s is what starts the open runtime on %s", execWrapper, p.Target)
}

// WrapperHint is what to do about an error of CheckVariable.
const WrapperHint = "SOR_NEXT_WRAPPER starts another wrapper after it"

// environment reads `environment`.
func (d *decoder) environment() {
	variables := d.mapping("environment", "TABLE_NAME: orders")
	if variables == nil {
		return
	}
	size := 0
	d.entries(variables, func(key, at *yaml.Node) {
		switch {
		case key.Value == "<<":
			d.wrong(key, "write the names out", "merge keys (<<) are not understood here")
			return
		case slices.Contains(reserved, key.Value):
			d.wrong(key, "", "environment: %s is reserved: Lambda sets it itself", key.Value)
		case !variableName.MatchString(key.Value):
			d.wrong(key, "letters, digits and _, two at least, a letter first", "environment: Lambda allows no variable with the name %s", quote(key.Value))
		}
		value, ok := d.scalar("environment: "+key.Value, at)
		if !ok {
			return
		}
		if err := d.project.CheckVariable(key.Value, value); err != nil {
			d.wrong(key, WrapperHint, "environment: %v", err)
		}
		size += len(key.Value) + len(value)
		d.project.Environment[key.Value] = value
	})
	if size > maxEnvironment {
		d.wrong(d.values["environment"], "", "environment is %d bytes; Lambda allows %d for all names and values together", size, maxEnvironment)
	}
}
