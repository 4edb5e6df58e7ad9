# Two commands on a fresh machine: `make demo` and `make test`. They need CPython 3.11 or later with venv, and g++ for hnswlib and our C extension.
#   make demo DIR=/my/photos    the same on your own files
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
export DIR ?=
# Three processes on two cores: a third of the suite's time is spent waiting for a service. The tests of one file share fixtures.
TESTERS ?= 3
PYTEST := $(BIN)/python -m pytest --numprocesses $(TESTERS) --dist loadfile
SECONDS ?= 600
BENCH ?= damage verdicts full_pass scan latency memory scrub index overlap model
# hnswlib has no wheels; built here, it uses every instruction of this processor. HNSWLIB_NO_NATIVE=1 makes it portable.
INSTALL := $(BIN)/python -m pip install --constraint constraints.txt
export ORT_DISABLE_TELEMETRY := 1
SOURCES := catalog daemon models systemd tests tools
EXTENSION := $(wildcard models/native/*.c models/native/*.h)

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-export lint stress sanitize pythons docs pictures bench bench-gpu clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## Sample images (or DIR=/my/photos), one full pass, and what you would see
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash tools/demo.sh $${DIR:+"$$DIR"}

test: lint ## Linters, types, and the tests that CI runs
	$(PYTEST) -m 'not slow and not stress'

test-all: lint ## The slow tests as well, with coverage
	$(PYTEST) -m 'not stress' --cov --cov-report term:skip-covered

test-export: $(VENV)/.installed-export ## The exporter of PyTorch models (another GB of packages)
	$(BIN)/python -m pytest tests/export --timeout 600

lint: $(VENV)/.installed-test ## Linters and types only
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

stress: $(VENV)/.installed-test ## Storms, kills and mutations for hours
	$(BIN)/python -m pytest -m stress --timeout 3600

sanitize: $(VENV)/.installed-test ## The C extension under ASan and UBSan, with a fuzz target (SECONDS=600)
	$(BIN)/python -m tools.sanitize --seconds $(SECONDS)

pythons: ## The tests on every CPython from 3.11 on that is installed
	$(PYTHON) -m tools.pythons

docs: $(VENV)/.installed-docs ## HTML and man pages, in build/docs; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs/html
	$(BIN)/python -m sphinx -W --keep-going -q -b man docs build/docs/man

pictures: $(VENV)/.installed-test ## The two pictures of the README (needs Debian's chromium)
	$(BIN)/python -m tools.pictures

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
