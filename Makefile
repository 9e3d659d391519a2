# Two commands do everything on a fresh machine: make demo, make test.
SHELL := /bin/bash
export CGO_ENABLED ?= 0

.PHONY: build demo test check bench clean need-go docs cross

build: need-go          ## bin/sor, complete with what it carries for amd64 and arm64
	@go run ./internal/carried/pack -arch amd64,arm64
	@go build -trimpath -ldflags '-s -w' -o bin/sor ./cmd/sor

demo: need-go           ## the main job, without Docker: scaffold, build a layer, invoke it
	@scripts/demo

test: need-go           ## all tests; installs what they need when it may
	@scripts/setup-tests
	@scripts/test

check: need-go          ## format, vet, layers, lint, generated docs
	@scripts/check

bench: need-go          ## paired benchmarks, as ratios
	@scripts/bench

cross: need-go          ## sor builds and passes vet for every system it is made for
	@scripts/cross

docs: need-go           ## docs/reference from the commands themselves
	@go test ./cmd/sor -run TestReference -update

need-go:
	@scripts/need-go

clean:
	@rm -rf bin internal/carried/bin/*.zst internal/carried/bin/manifest.json
