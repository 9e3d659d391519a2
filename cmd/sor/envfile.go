package main

// Environment of a local invocation: sor.yaml, then --env-file, then --env.

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
)

// variableName is what Lambda takes as one.
var variableName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// functionEnvironment lays --env-file and --env over the environment of sor.yaml.
func functionEnvironment(base map[string]string, file string, pairs []string) (map[string]string, error) {
	env := map[string]string{}
	maps.Copy(env, base)
	if file != "" {
		fromFile, err := readEnvFile(file)
		if err != nil {
			return nil, err
		}
		maps.Copy(env, fromFile)
	}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			value, ok = os.LookupEnv(key)
		}
		if ok && !variableName.MatchString(key) {
			return nil, fail(exitUsage, "a name has letters, digits and underscores, a letter first", fmt.Errorf("--env: %q is no name of a variable", key))
		}
		if !ok || key == "" {
			return nil, fail(exitUsage, "write --env KEY=VALUE; KEY alone takes it from this shell's environment",
				fmt.Errorf("--env %s has no value", pair))
		}
		env[key] = value
	}
	return env, nil
}

// readEnvFile reads lines of KEY=VALUE; empty lines and lines that begin with # are skipped, a leading "export " too, and
// quotes around a value are taken off.
func readEnvFile(name string) (map[string]string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fail(exitUsage, "", fmt.Errorf("reading --env-file: %w", err))
	}
	env := map[string]string{}
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			return nil, fail(exitUsage, "a line is KEY=VALUE, a comment begins with #", fmt.Errorf("%s:%d: no KEY=VALUE: %q", name, i+1, line))
		}
		env[key] = unquote(strings.TrimSpace(value))
	}
	return env, nil
}

func unquote(value string) string {
	if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		return value[1 : len(value)-1]
	}
	return value
}
