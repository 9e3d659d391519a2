//go:build linux

package bootstrap

// SOR_ONLY=NAME/HOOK: one hook of one middleware alone, for those who try one out. There is no language runtime then, and
// the answer says what the hook made.

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

// made is the answer: what the hook made of its input. Output is text, OutputBase64 what is none.
type made struct {
	Unchanged    bool   `json:"unchanged"`
	Respond      bool   `json:"respond"`
	Output       string `json:"output,omitempty"`
	OutputBase64 []byte `json:"outputBase64,omitempty"`
}

func (b *bootstrap) runOnly(ctx context.Context) error {
	name, hook, _ := strings.Cut(b.settings.only, "/")
	ref, err := manifest.ParseRef(name)
	name, ref.Optional = ref.Name, false // who asks for it alone wants to know what is wrong with it
	if err == nil {
		b.set, err = middleware.Load([]manifest.Ref{ref}, b.middlewareOptions())
	}
	if err != nil {
		return b.initFailed(ctx, runtimeapi.AsError(err, runtimeapi.ErrorMiddleware))
	}
	defer b.shutdown()
	b.set.Start()
	for {
		inv, err := b.source.next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := b.runHook(ctx, inv, name, hook); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

func (b *bootstrap) runHook(ctx context.Context, inv *invocation, name, hook string) error {
	told := b.settings.tell(inv)
	defer b.tracer.begin(inv, told).end()
	out, err := b.set.RunHook(ctx, told, name, hook, inv.event)
	b.set.Renew()
	if err != nil {
		return b.source.fail(ctx, inv.context.RequestID, runtimeapi.AsError(err, runtimeapi.ErrorMiddleware), nil)
	}
	answer := made{Unchanged: out.Unchanged, Respond: out.Respond}
	if utf8.Valid(out.Payload) {
		answer.Output = string(out.Payload)
	} else {
		answer.OutputBase64 = out.Payload
	}
	data, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return b.source.respond(ctx, inv.context.RequestID, middleware.Response{Payload: data}, nil)
}
