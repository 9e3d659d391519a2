package emulator

// What the supervisor says, frame by frame.

import (
	"errors"
	"fmt"
	"io"

	"github.com/serverless/open-runtime/internal/frames"
)

// read takes what the supervisor says, until it says no more.
func (e *Emulator) read(in *frames.Reader) {
	var cause error
	for {
		f, err := in.Read()
		if err == nil {
			err = e.take(f)
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				cause = err
			}
			break
		}
	}
	e.mu.Lock()
	e.cause = cause
	e.mu.Unlock()
	close(e.done)
	e.abandon()
}

func (e *Emulator) take(f frames.Frame) error {
	switch f.Type {
	case frames.TypeLog:
		return e.takeLog(f)
	case frames.TypeTrace:
		return e.takeTrace(f)
	case frames.TypeResult, frames.TypeError:
		return e.takeAnswer(f)
	case frames.TypeChunk, frames.TypeEnd:
		return e.takeStream(f)
	case frames.TypeReport:
		return e.takeReport(f)
	case frames.TypeRecord:
		return e.takeRecord(f)
	case frames.TypeReady:
		if _, err := e.takeReady(f); err != nil {
			return err
		}
		select {
		case e.ready <- struct{}{}:
		default: // nobody asked
		}
		return nil
	case frames.TypeFault:
		return fault(f)
	}
	return fmt.Errorf("the supervisor sent a frame of unknown type %q", f.Type)
}

func (e *Emulator) takeLog(f frames.Frame) error {
	var log frames.Log
	if err := f.Decode(&log); err != nil {
		return err
	}
	if inv := e.find(log.RequestID); inv != nil {
		inv.logged(f.Payload)
	}
	if e.options.Log != nil {
		e.options.Log(log, f.Payload)
	}
	return nil
}

func (e *Emulator) takeTrace(f frames.Frame) error {
	var trace frames.Trace
	if err := f.Decode(&trace); err != nil || e.options.Trace == nil {
		return err
	}
	e.options.Trace(trace, f.Payload)
	return nil
}

func (e *Emulator) takeRecord(f frames.Frame) error {
	var record frames.Record
	if err := f.Decode(&record); err != nil || e.options.Record == nil {
		return err
	}
	record.Sandbox = e.options.number
	e.options.Record(record, f.Payload)
	return nil
}

// find gives the invocation of a request ID, nil when it is not under way.
func (e *Emulator) find(id string) *Invocation {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pending[id]
}

func (e *Emulator) takeAnswer(f frames.Frame) error {
	var answer frames.SupervisorAnswer
	if err := f.Decode(&answer); err != nil {
		return err
	}
	e.options.Logger.Debug("answer", "request_id", answer.ID, "error_type", answer.ErrorType, "bytes", len(f.Payload), "streaming", answer.Streaming)
	if inv := e.find(answer.ID); inv != nil {
		inv.answer(answer, f.Payload)
	}
	return nil
}

func (e *Emulator) takeStream(f frames.Frame) error {
	inv := e.find(f.ID)
	if inv == nil {
		return nil
	}
	if f.Type == frames.TypeChunk {
		inv.stream.write(f.Payload)
		return nil
	}
	var end frames.SupervisorEnd
	if err := f.Decode(&end); err != nil {
		return err
	}
	inv.endStream(end.ErrorType, f.Payload)
	return nil
}

func (e *Emulator) takeReport(f frames.Frame) error {
	var report frames.Report
	if err := f.Decode(&report); err != nil {
		return err
	}
	if inv := e.find(report.ID); inv != nil {
		e.finish(inv, report, nil)
	}
	return nil
}
