# Two commands do everything on a fresh machine: `make demo` and `make test`.
SHELL := /bin/bash
VENV  := .venv
BIN   := $(VENV)/bin
export PATH := $(HOME)/.local/bin:$(PATH)

.PHONY: demo demo-cluster demo-cluster-down image test test-fast lint fmt bench bench-scan bench-scale bench-detection setup setup-cluster clean

setup:            ## uv, the virtual environment from the lock, Debian packages (as root)
	@.ci/setup

setup-cluster:    ## also Debian packages, Go and the Kubernetes programs for a real cluster on this machine
	@.ci/setup cluster

demo: setup       ## the main job, shown on this machine with network namespaces
	@$(BIN)/cdefence lab demo

demo-cluster: setup-cluster  ## the same in a real Kubernetes cluster in a network namespace; KEEP=1 leaves it running
	@$(BIN)/python -m tests.cluster.demo up $(if $(KEEP),--keep)

demo-cluster-down:           ## ends what KEEP=1 left running
	@$(BIN)/python -m tests.cluster.demo down

image: setup      ## the container image as an archive, without a registry; prints its path; REFRESH=1 asks Debian again
	@$(BIN)/python -m image $(if $(REFRESH),--refresh)

test: setup-cluster lint  ## lint, types and every test
	@.ci/test

test-fast: setup  ## without the tests that need namespaces or a cluster
	@$(BIN)/pytest -m "not lab and not cluster"

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

fmt: setup
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup      ## our sidecar, Envoy and mitmproxy in one run; writes benchmarks/results/
	@.ci/setup bench
	@$(BIN)/python -m benchmarks

bench-scan: setup  ## what looking at text costs: everything, each pack, each pattern; writes benchmarks/results/
	@$(BIN)/python -m benchmarks scan

bench-scale: setup-cluster  ## the control plane under 2,000 pods; writes benchmarks/results/
	@$(BIN)/python -m benchmarks scale

bench-detection: setup  ## recall, precision, false hits per MB, beside Presidio and plain expressions; writes benchmarks/results/
	@.ci/setup detection
	@$(BIN)/python -m benchmarks detection

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache dist
