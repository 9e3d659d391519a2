package conform

// The answers of a program that speaks frames/1: each id once, with what belongs to its kind.

import (
	"fmt"
	"slices"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// An answer is what came for one id.
type answer struct {
	frames.Answer
	payload []byte // nil is none
	failed  *runtimeapi.Error

	chunks   [][]byte // of a stream
	prelude  []byte
	streamed bool
}

// take waits for the answers of ids, each exactly once and in any order.
func (c *peer) take(ids ...string) map[string]answer {
	answers := map[string]answer{}
	streams := map[string]*answer{}
	for len(answers) < len(ids) {
		f := c.next(fmt.Sprintf("an answer to id %q", ids[0]))
		c.isDue(f, ids, answers)
		switch f.Type {
		case frames.TypeChunk:
			c.takeChunk(f, streams)
		case frames.TypeEnd:
			answers[f.ID] = c.takeEnd(f, streams)
		default:
			a := c.decode(f)
			if begun := streams[f.ID]; begun != nil {
				if f.Type == frames.TypeResult {
					c.t.Failf("end a stream with end, or with error", "id %q has a result after chunks", f.ID)
				}
				begun.failed = a.failed
				a = *begun
			}
			answers[f.ID] = a
		}
	}
	return answers
}

// isDue wants the id of one that is pending.
func (c *peer) isDue(f frames.Frame, ids []string, answers map[string]answer) {
	const fix = "answer each invoke exactly once, with its id as it came"
	_, twice := answers[f.ID]
	switch {
	case f.ID == "":
		c.t.Failf(fix, "a %s frame has no id: %s", f.Type, excerpt(f.Header))
	case twice:
		c.t.Failf(fix, "id %q was answered twice, the second time with a %s frame", f.ID, f.Type)
	case !slices.Contains(ids, f.ID):
		c.t.Failf(fix, "a %s frame has the id %q, and pending is %q", f.Type, f.ID, ids)
	}
	if len(f.Payload) > runtimeapi.MaxResponse {
		c.t.Failf("keep to maxPayload of hello", "a %s frame has a payload of %d bytes; %d are allowed", f.Type, len(f.Payload), runtimeapi.MaxResponse)
	}
}

func (c *peer) decode(f frames.Frame) answer {
	a := answer{payload: f.Payload}
	if err := f.Decode(&a.Answer); err != nil {
		c.t.Failf("keep to the types of the header's keys", "the header of a %s frame can't be read: %v: %s", f.Type, err, excerpt(f.Header))
	}
	switch f.Type {
	case frames.TypeResult:
	case frames.TypeError:
		document, ok := runtimeapi.ParseError(f.Payload)
		if !ok {
			c.t.Failf(`give an error frame the payload {"errorType","errorMessage","stackTrace"}`, "the payload of an error frame is no error document: %s", excerpt(f.Payload))
		}
		a.failed = document
	default:
		c.t.Failf("answer with result or error", "it answered id %q with a frame of type %q", f.ID, f.Type)
	}
	return a
}

func (c *peer) takeChunk(f frames.Frame, streams map[string]*answer) {
	if !c.wants(frames.CapabilityStream) {
		c.t.Failf("ask for the capability stream in ready first", "it sent a chunk, and did not ask for the capability stream")
	}
	var head frames.Chunk
	if err := f.Decode(&head); err != nil {
		c.t.Failf("keep to the types of the header's keys", "the header of a chunk can't be read: %v: %s", err, excerpt(f.Header))
	}
	if f.Payload == nil {
		c.t.Failf("give a chunk a length, 0 for one that only opens the stream", "a chunk of id %q has no payload", f.ID)
	}
	a := streams[f.ID]
	if a == nil {
		a = &answer{streamed: true, prelude: head.Prelude}
		a.ContentType = head.ContentType
		streams[f.ID] = a
	} else if head.Prelude != nil || head.ContentType != "" {
		c.t.Failf("say contentType and prelude with the first chunk", "a later chunk of id %q has a contentType or a prelude", f.ID)
	}
	a.chunks = append(a.chunks, f.Payload)
}

func (c *peer) takeEnd(f frames.Frame, streams map[string]*answer) answer {
	a := streams[f.ID]
	if a == nil {
		c.t.Failf("open a stream with a chunk, one of length 0 if there is nothing to send", "id %q has an end and no chunk before", f.ID)
	}
	if f.Payload != nil {
		c.t.Failf("send what is left as a chunk", "the end of id %q has a payload", f.ID)
	}
	return *a
}
