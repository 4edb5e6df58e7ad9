# Two commands on a fresh machine: `make demo` and `make test`. Needs CPython 3.11 with venv, and g++ (for hnswlib and the walk over JPEGs).
#   make demo DIR=/my/photos    the same on your own files
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
export DIR ?=
# A third of the suite's time is spent waiting for a service; the tests of one file share what they set up.
TESTERS ?= 3
BENCH ?= damage verdicts full_pass scan latency memory scrub index overlap model
# hnswlib has no wheels; built here, it uses all that this processor can do. HNSWLIB_NO_NATIVE=1 makes it portable.
INSTALL := $(BIN)/python -m pip install --constraint constraints.txt
export ORT_DISABLE_TELEMETRY := 1
SOURCES := catalog daemon models systemd tests tools
EXTENSION := $(wildcard models/native/*.c models/native/*.h)

.DEFAULT_GOAL := help
.PHONY: help demo test test-export lint stress bench bench-gpu clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## Sample images (or DIR=/my/photos), one full pass, and what a person sees
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash tools/demo.sh $${DIR:+"$$DIR"}

test: lint ## Linters, types and the whole suite
	$(BIN)/python -m pytest --numprocesses $(TESTERS) --dist loadfile

test-export: $(VENV)/.installed-export ## What makes bundles from PyTorch models (another GB of packages)
	$(BIN)/python -m pytest tests/export --timeout 600

lint: $(VENV)/.installed-test ## Linters and types only
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

stress: $(VENV)/.installed-test ## The long runs that the suite leaves out
	$(BIN)/python -m pytest -m stress --timeout 3600

bench: $(VENV)/.installed-bench ## Measure speed and memory (about an hour; one of them: BENCH=full_pass)
	@for one in $(BENCH); do echo "== $$one"; $(BIN)/python -m tools.bench.$$one || exit 1; done

bench-gpu: $(VENV)/.installed-export ## On a machine with an NVIDIA GPU: the tests that need it, and its rates
	$(INSTALL) --constraint constraints-export.txt --editable '.[cuda,export,test]'
	$(BIN)/python -m tools.bench.gpu

clean: ## Remove the environment, the demo and every cache
	rm -rf $(VENV) demo build dist models/native/*.so ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("CPython 3.11 or later is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt $(EXTENSION)
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-export: $(BIN)/python pyproject.toml constraints.txt $(EXTENSION) constraints-export.txt
	$(INSTALL) --constraint constraints-export.txt --editable '.[export,test]'
	@touch $@ $(VENV)/.installed $(VENV)/.installed-test

$(VENV)/.installed-%: $(BIN)/python pyproject.toml constraints.txt $(EXTENSION)
	$(INSTALL) --editable '.[$*]'
	@touch $@ $(VENV)/.installed
