# Two commands do everything on a fresh machine: make demo, make test.
SHELL := /bin/bash
export CGO_ENABLED ?= 0

.PHONY: build demo test check bench chaos load fuzz clean need-go docs cross

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

chaos: need-go          ## ten thousand invocations whose children misbehave; SOR_CHAOS, SOR_CHAOS_SEED
	@SOR_CHAOS=$${SOR_CHAOS:-10000} CGO_ENABLED=1 go test -race -count 1 -timeout 60m -run '^TestChaos$$' -v ./pkg/bootstrap

load: need-go           ## a minute of eight clients, and a thousand cold starts, on sor start; SOR_LOAD for other seconds
	@SOR_LOAD=$${SOR_LOAD:-60} go test -count 1 -timeout 60m -run '^(TestLoad|TestColdStarts)$$' -v ./pkg/emulator/callers

fuzz: need-go           ## each fuzz test for FUZZTIME, 30s; what is found is kept
	@scripts/fuzz

cross: need-go          ## sor builds and passes vet for every system it is made for
	@scripts/cross

docs: need-go           ## docs/reference from the commands themselves
	@go test ./cmd/sor -run TestReference -update

need-go:
	@scripts/need-go

clean:
	@rm -rf bin internal/carried/bin/*.zst internal/carried/bin/manifest.json
