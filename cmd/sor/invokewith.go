package main

// What an invocation brings along besides its event: client context, tenant, trace.

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/identifier"
	"github.com/serverless/open-runtime/internal/jsontext"
	"github.com/serverless/open-runtime/pkg/emulator/invokeapi"
)

// told gives what all invocations of a run bring along.
func (o *invokeOptions) told() (frames.SupervisorInvoke, error) {
	told := frames.SupervisorInvoke{TenantID: o.tenantID, TraceID: o.traceID}
	// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#lambda-Invoke-request-TenantId
	if o.tenantID != "" && !invokeapi.IsTenant(o.tenantID) {
		return told, fail(exitUsage, "at most 256 of letters, digits, spaces and . _ : / = + - @", fmt.Errorf("--tenant-id %q is not possible", o.tenantID))
	}
	// https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
	if o.traceID != "" && !regexp.MustCompile(`^[\x21-\x7e]([\x20-\x7e]{0,254}[\x21-\x7e])?$`).MatchString(o.traceID) {
		return told, fail(exitUsage, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1", fmt.Errorf("--trace-id %q is no header", o.traceID))
	}
	if o.traceID != "" && !identifier.HasRoot(o.traceID) {
		return told, fail(exitUsage, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
			fmt.Errorf("--trace-id %q has no Root, without which it names no trace", o.traceID))
	}
	if o.traceID != "" {
		told.TraceID = identifier.CompleteTrace(o.traceID, time.Now())
	}
	var err error
	told.ClientContext, err = clientContext(o.clientContext)
	return told, err
}

// clientContext reads JSON, or @FILE.
func clientContext(arg string) (string, error) {
	if arg == "" {
		return "", nil
	}
	data := []byte(arg)
	if name, ok := strings.CutPrefix(arg, "@"); ok {
		var err error
		if data, err = os.ReadFile(name); err != nil {
			return "", fail(exitUsage, "", fmt.Errorf("reading the client context: %w", err))
		}
	}
	if problem := jsontext.Check(data); problem != nil {
		return "", fail(exitUsage, "--client-context takes JSON, or @FILE", fmt.Errorf("the client context is not JSON: %w", problem))
	}
	if size := base64.StdEncoding.EncodedLen(len(data)); size > invokeapi.MaxClientContext {
		return "", fail(exitLimit, "", fmt.Errorf("the client context has %d bytes in base64; Lambda allows %d", size, invokeapi.MaxClientContext))
	}
	return string(data), nil
}

// errBothPlaces says that it was asked for two places at once.
var errBothPlaces = errors.New("--local runs a sandbox of its own, and --endpoint invokes what is served")

// checkPlace says what flags contradict each other, or ask for what there is in one place only.
func (o *invokeOptions) checkPlace(flags *pflag.FlagSet) error {
	switch {
	case o.local && flags.Changed("endpoint"):
		return fail(exitUsage, "leave one of them out", errBothPlaces)
	case !o.local && o.endpoint == "":
		return fail(exitUsage, "sor invoke --local invokes it on this machine, and --endpoint URL where it is served",
			errors.New("--local or --endpoint must say where it is invoked"))
	case o.local && (o.async || o.function != ""):
		return fail(exitUsage, "`sor start` serves functions by their names, and queues", errors.New("--async and --function are for --endpoint"))
	case o.eventLines && len(o.events) > 0:
		return fail(exitUsage, "leave one of them out", errors.New("--events reads events from stdin, and -e gives them"))
	}
	if given := sandboxOnly(flags); !o.local && len(given) > 0 {
		return fail(exitUsage, "`sor start` takes what its sandboxes are to be like, and --local runs one here", fmt.Errorf("with --endpoint there is no sandbox here for %s", strings.Join(given, " ")))
	}
	return nil
}

// sandboxOnly lists the flags given that are of no use without a sandbox of our own.
func sandboxOnly(flags *pflag.FlagSet) []string {
	useful := []string{"endpoint", "function", "async", "event", "events", "client-context", "tenant-id", "trace-id", "json", "quiet", "verbose", "cache-dir"}
	var given []string
	flags.Visit(func(f *pflag.Flag) {
		if !slices.Contains(useful, f.Name) {
			given = append(given, "--"+f.Name)
		}
	})
	return given
}
