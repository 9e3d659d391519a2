package main

// What sor build-layer prints last: how to publish the layer, and what a function needs to use it.

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
)

// nextSteps prints, ready to paste, how to publish the layer and what a function needs to use it.
// https://docs.aws.amazon.com/lambda/latest/dg/creating-deleting-layers.html
func (w *workspace) nextSteps(p *project.Project, written, functions []layer.Output) {
	w.say("\nPublish:")
	for _, output := range written {
		w.say("  aws lambda publish-layer-version --layer-name %s \\\n    --compatible-architectures %s --compatible-runtimes %s \\\n    --zip-file %s",
			p.Name+"-"+output.Arch, awsArchitecture(output.Arch), p.Target, shellWord("fileb://"+w.displayPath(output.Zip)))
	}
	for _, output := range functions {
		w.say("\nThe function's code, with its program in it (--architectures %s):\n  --zip-file %s",
			awsArchitecture(output.Arch), shellWord("fileb://"+w.displayPath(output.Zip)))
	}
	words := append([]string{"--layers"}, layerARNs(p)...)
	if !layer.Managed(p.Target) {
		words = append(words, "--handler", shellWord(p.Handler))
	}
	if variables := deployedEnvironment(p); variables != "" {
		words = append(words, "--environment", variables)
	}
	w.say("\nUse, in the function's configuration (--runtime %s):\n  %s", p.Target, strings.Join(words, " "))
}

// notWord is what is in the name of a layer's file and would not be one word of a shell.
var notWord = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// layerARNs stand for the layers of the function in Lambda's order: the project's own comes last.
func layerARNs(p *project.Project) []string {
	var arns []string
	for _, path := range p.Layers {
		arns = append(arns, "ARN-OF-"+notWord.ReplaceAllString(strings.TrimSuffix(filepath.Base(path), ".zip"), "-"))
	}
	return append(arns, "ARN-OF-THE-LAYER-VERSION")
}

// bareValue is what the shorthand of the AWS CLI takes as a value; others need JSON.
// https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html
var bareValue = regexp.MustCompile(`^[A-Za-z0-9_./:@%+-]+$`)

// deployedEnvironment is the function's environment on Lambda as one word of a shell, or "" for none.
func deployedEnvironment(p *project.Project) string {
	variables := maps.Clone(p.Environment)
	if layer.Managed(p.Target) {
		variables["AWS_LAMBDA_EXEC_WRAPPER"] = "/opt/bootstrap"
	}
	if len(variables) == 0 {
		return ""
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if !bareValue.MatchString(variables[name]) {
			return shellWord(environmentJSON(variables))
		}
		pairs = append(pairs, name+"="+variables[name])
	}
	return shellWord("Variables={" + strings.Join(pairs, ",") + "}")
}

// environmentJSON writes variables in the form that takes any value.
func environmentJSON(variables map[string]string) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(map[string]any{"Variables": variables}); err != nil {
		return "" // texts have a form in JSON
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// awsArchitecture spells an architecture as AWS does.
func awsArchitecture(arch string) string {
	if arch == "amd64" {
		return "x86_64"
	}
	return arch
}
