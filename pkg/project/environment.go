package project

// environment: what Lambda would refuse is refused here.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html

import (
	"regexp"
	"slices"

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
		size += len(key.Value) + len(value)
		d.project.Environment[key.Value] = value
	})
	if size > maxEnvironment {
		d.wrong(d.values["environment"], "", "environment is %d bytes; Lambda allows %d for all names and values together", size, maxEnvironment)
	}
}
