# Holdfast. `make help` lists every target; `make check` is what CI runs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Static binaries, no C compiler, no need of a readable .git.
export CGO_ENABLED := 0
export GOFLAGS := $(strip $(filter-out -buildvcs=%,$(shell go env GOFLAGS 2>/dev/null)) -buildvcs=false)

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TOOL    := go tool -modfile=.ci/tools/go.mod
GENERATED := find internal/store/dbq web -name '*.go' \( -path '*/dbq/*' -o -name '*_templ.go' \) -print0 | LC_ALL=C sort -z | xargs -0 sha256sum

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/holdfast and bin/holdfast-agent
	go build -trimpath -tags timetzdata -ldflags '-s -w -X main.version=$(VERSION)' -o bin/holdfast ./cmd/holdfast
	go build -trimpath -ldflags '-s -w -X holdfast/internal/agent.Build=$(VERSION)' -o bin/holdfast-agent ./cmd/holdfast-agent

.PHONY: demo
demo: ## Install what is missing, build, and run everything here (ARGS=--reset starts anew)
	@.ci/setup demo
	@$(MAKE) build
	@exec bin/holdfast demo $(ARGS)

.PHONY: test
test: ## Install what the tests need, then make check
	@.ci/setup test
	@$(MAKE) check

.PHONY: check
check: generate-diff build vet lint test-go ## Everything that CI holds the code to; installs nothing

.PHONY: test-go
test-go: build ## Run every Go test; a skipped test is a failure
	@mkdir -p bin
	@go build -o bin/testsum ./.ci/testsum
	go test -json -vet=off -timeout 20m $(if $(RUN),-run '$(RUN)') $(or $(PKG),./...) | bin/testsum

.PHONY: bench-policy
bench-policy: ## Plan 100,000 sites, hold eight million copies against their policy, simulate five years (minutes; not part of check)
	go test -run '^$$' -bench '^(BenchmarkSimulate_FiveYears|BenchmarkRetain_EightMillion)$$' -benchmem -timeout 20m ./internal/policy
	go test -run '^$$' -bench '^Benchmark(Plan_|LookAtRetention_|ListOverdue_)' -benchtime 1x -timeout 40m ./internal/app

.PHONY: bench-engine
bench-engine: ## Time the engine beside restic, borg and tar over trees and dumps (24 minutes, 35 GB in BENCH_DIR; BENCH_SCALE=0.05 tries it; not part of check)
	@for tool in restic borg zstd; do command -v $$tool >/dev/null || missing=1; done; \
	if [ -n "$${missing:-}" ]; then \
		sudo=; [ "$$(id -u)" -eq 0 ] || sudo='sudo -n'; \
		{ $$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends restic borgbackup zstd >/dev/null; } \
		|| { echo "restic, borgbackup and zstd are needed and could not be installed." >&2; exit 1; }; \
	fi
	go test -run '^$$' -bench '^BenchmarkEngine$$' -benchtime 1x -timeout 90m ./internal/engine/bench

.PHONY: bench-pages
bench-pages: ## Time the lists and pages over 100,000 sites, and seeding them (minutes; not part of check)
	go test -run '^$$' -bench '^BenchmarkFleet_HundredThousandSites$$' -benchtime 1x -timeout 40m ./internal/app
	go test -run '^$$' -bench '^BenchmarkSeed_HundredThousandSites$$' -benchtime 1x -timeout 20m ./internal/fleetseed
	go test -run '^$$' -bench '^BenchmarkPages_HundredThousandSites$$' -benchtime 1x -timeout 20m ./internal/httpd/dash

.PHONY: vet
vet: ## go vet
	go vet ./...

.PHONY: lint
lint: ## golangci-lint, with the import rule and gofumpt
	$(TOOL) golangci-lint run

.PHONY: fmt
fmt: ## Format the code with gofumpt
	$(TOOL) golangci-lint fmt

.PHONY: generate
generate: ## Generate the queries (sqlc) and the pages (templ)
	$(TOOL) sqlc generate -f sql/sqlc.yaml
	go tool templ generate -path web

.PHONY: generate-diff
generate-diff: ## Fail if the generated code is not what its sources give
	@before="$$($(GENERATED))"; $(MAKE) generate; after="$$($(GENERATED))"; \
	if ! diff <(echo "$$before") <(echo "$$after"); then \
		echo "Generated code was not up to date; it is now. Look at it and commit it." >&2; exit 1; fi

.PHONY: clean
clean: ## Remove what was built; the demo's state stays (make demo ARGS=--reset forgets it)
	rm -rf bin
