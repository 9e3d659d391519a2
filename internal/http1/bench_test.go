//go:build linux

package http1_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/serverless/open-runtime/internal/http1"
	"github.com/serverless/open-runtime/internal/paired"
)

// BenchmarkRoundTrip is a GET of 1 KB on a kept connection, by both halves of this package, against net/http's.
func BenchmarkRoundTrip(b *testing.B) {
	answer := make([]byte, 1024)
	addr := served(b, func(context.Context, *http1.ServerRequest) *http1.Response {
		return &http1.Response{Status: 200, Header: http1.Header{{Name: "Content-Type", Value: "application/json"}}, Body: answer}
	})
	client := http1.New(addr)
	defer client.Close()
	ours := func() error {
		resp, err := client.Do(b.Context(), &http1.Request{Method: "GET", Path: "/2018-06-01/runtime/invocation/next"}, 1<<20)
		if err == nil && len(resp.Body) != len(answer) {
			err = fmt.Errorf("%d bytes", len(resp.Body))
		}
		return err
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(answer)
	})}
	served := make(chan struct{})
	go func() { defer close(served); server.Serve(listener) }()
	defer func() { server.Close(); <-served }()
	theirClient := theClient(b)
	theirs := func() error {
		resp, err := theirClient.Get("http://" + listener.Addr().String() + "/2018-06-01/runtime/invocation/next")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
		return err
	}
	// Hundred at a time: one is too short for a clock and a scheduler.
	hundred := func(ask func() error) func(*testing.B) {
		return func(b *testing.B) {
			for range 100 {
				if err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("paired", func(b *testing.B) { paired.Compare(b, hundred(ours), hundred(theirs)) })
	for name, ask := range map[string]func() error{"ours": ours, "net-http": theirs} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
