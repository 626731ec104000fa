# Everything a fresh machine needs is Python 3.11 or later and a Rust toolchain. Each step leaves a
# stamp, so a second call does only what changed.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := $(VENV)/stamps

# One profile for the extension, the Rust tests and clippy, so that dependencies are compiled once.
# What is measured or given away is built as `release`.
PROFILE ?= quick

RUST_SOURCES := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name '*.toml')
WITHIN := VIRTUAL_ENV="$(CURDIR)/$(VENV)" PATH="$(CURDIR)/$(BIN):$$PATH" PYO3_PYTHON="$(CURDIR)/$(BIN)/python"
NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo yes)

DEMO_RECORDS  ?= 1000000
BENCH_RECORDS ?= 10000 100000 1000000
PEER_RECORDS  ?= 100000 1000000

.PHONY: help setup build demo test test-python test-rust test-slow lint bench peers wheel clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMPS)/setup  ## Make .venv with everything that development needs

# Tools and what the package itself needs in one go: pip does not mind what an earlier call chose.
$(STAMPS)/setup: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or later is needed: make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	mkdir -p $(STAMPS)
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' > $(STAMPS)/requirements.txt
	$(BIN)/python -m pip install --quiet --group dev --requirement $(STAMPS)/requirements.txt
	touch $@

build: $(STAMPS)/$(PROFILE)  ## Build the extension into python/linkrisk

# One profile at a time is installed, so making one unmakes the stamp of the other.
$(STAMPS)/$(PROFILE): $(STAMPS)/setup $(RUST_SOURCES)
	rm -f $(STAMPS)/quick $(STAMPS)/release
	$(WITHIN) maturin develop --quiet --profile $(PROFILE)
	touch $@

demo: build  ## Invent the records of gates and car parks, assess them, name the report
	rm -rf demo
	$(BIN)/linkrisk simulate xinai --records $(DEMO_RECORDS) --seed 1 --out demo/data
	$(BIN)/linkrisk assess demo/data/linkrisk.toml --out demo/run
	@echo "the report: $(CURDIR)/demo/run/report.html"

test: lint test-rust test-python  ## Lint, then the Rust and the Python tests

test-rust: $(STAMPS)/setup  ## The Rust tests
ifeq ($(NEXTEST),yes)
	$(WITHIN) cargo nextest run --no-fail-fast --locked --workspace --cargo-profile $(PROFILE)
else
	$(WITHIN) cargo test --no-fail-fast --locked --workspace --profile $(PROFILE)
endif

# Two files at a time: most of a test is starting interpreters and reading, on one processor.
test-python: build  ## The Python tests that are not slow
	$(BIN)/python -m pytest -p no:benchmark --numprocesses 2 --dist loadfile

test-slow: build  ## The Python tests that are slow
	$(BIN)/python -m pytest -m slow

lint: build  ## Format, style, types, stubs and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/stubtest linkrisk._linkrisk
	$(BIN)/lint-imports --no-logo
	cargo fmt --all --check
	$(WITHIN) cargo clippy --quiet --locked --workspace --all-targets --profile $(PROFILE) -- -D warnings

bench:  ## The benches of the engine and of the package
	$(MAKE) build PROFILE=release
	$(WITHIN) cargo bench --locked --package linkrisk-core
	$(BIN)/python -m pytest --timeout 0 benches $(addprefix --records ,$(BENCH_RECORDS))

peers: $(STAMPS)/peers  ## The same work done by other tools, side by side
	$(MAKE) build PROFILE=release
	$(BIN)/python benches/peers/compare_people.py --peers $(VENV)/peers/bin/python $(PEER_RECORDS)
	$(BIN)/python benches/peers/compare_febrl.py --peers $(VENV)/peers/bin/python
	$(BIN)/python benches/peers/compare_faces.py --peers $(VENV)/peers/bin/python

$(STAMPS)/peers: benches/peers/requirements.txt $(STAMPS)/setup
	$(PYTHON) -m venv $(VENV)/peers
	$(VENV)/peers/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/peers/bin/python -m pip install --quiet --requirement $<
	touch $@

wheel: $(STAMPS)/setup  ## Build the wheel and try it in an empty environment
	$(BIN)/python -m pip install --quiet --group wheel
	rm -rf dist
	$(WITHIN) maturin build --release --zig --compatibility manylinux2014 --out dist
	./.ci/try-wheel $(PYTHON) dist/*.whl

clean:  ## Remove everything that was made here
	rm -rf $(VENV) target dist demo python/linkrisk/*.so
	rm -rf .hypothesis .mypy_cache .ruff_cache .pytest_cache .benchmarks .import_linter_cache
	find python tests benches -name __pycache__ -prune -exec rm -rf {} +
