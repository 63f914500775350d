# Needs Python 3.11 or newer and make; everything else goes into $(VENV).
#
#   make run      the example application on http://$(HOST):$(PORT)
#   make test     the whole suite; ARGS="-k jwks" narrows it
#   make lint     ruff: lint and format
#   make types    mypy and pyright
#   make conformance   generated requests, judged by Clerk's JavaScript SDK and by this package;
#                      SEED=7 CASES=50000 for others, SEED=7 CASE=1234 to look at one
#   make bench    this package beside its peers, as ratios
#   make build    sdist and wheel in dist/

PYTHON ?= python3
VENV ?= .venv
HOST ?= 127.0.0.1
PORT ?= 8000
ARGS ?=

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed-

.PHONY: run test lint types conformance bench build clean

run: $(INSTALLED)example
	HOST=$(HOST) PORT=$(PORT) $(BIN)/python -m example_app

test: $(INSTALLED)test
	$(BIN)/python -m pytest $(ARGS)

lint: $(INSTALLED)lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED)types
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

conformance: $(INSTALLED)test
	tests/conformance/install.sh
	$(BIN)/python -m tests.conformance.requests $(SEED:%=--seed %) $(CASES:%=--cases %) $(CASE:%=--case %)

bench: $(INSTALLED)bench
	$(BIN)/python -m tests.bench $(ARGS)

build: $(INSTALLED)build
	rm -rf dist
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) dist

# One stamp for each dependency group of pyproject.toml: a second run installs nothing.
$(INSTALLED)%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[backend,local,ratelimit,redis,webhooks]" --group $*
	@touch $@

# The first pip that knows dependency groups is 25.1.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

.PRECIOUS: $(INSTALLED)%
