# Two commands do everything on a fresh machine: `make demo` and `make test`.
SHELL := /bin/bash
VENV  := .venv
BIN   := $(VENV)/bin
export PATH := $(HOME)/.local/bin:$(PATH)

.PHONY: demo test test-fast lint fmt bench setup clean

setup:            ## uv, the virtual environment from the lock, Debian packages (as root)
	@.ci/setup

demo: setup       ## the main job, shown on this machine with network namespaces
	@$(BIN)/cdefence lab demo

test: setup lint  ## lint, types and every test
	@$(BIN)/pytest

test-fast: setup  ## without the tests that need namespaces
	@$(BIN)/pytest -m "not lab"

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

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache dist
