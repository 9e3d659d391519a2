package process_test

import (
	"os"
	"testing"

	"github.com/serverless/open-runtime/internal/process"
)

func TestSpareThreads(t *testing.T) {
	const many = 40
	process.SpareThreads(many)
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	if len(threads) < many {
		t.Errorf("%d threads; want %d and more", len(threads), many)
	}
}
