# Runoff: `make` lists what it can do. Every target works from a clean clone, as root or not.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup system demo test slow lint types contracts check bench format clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: .venv/.ready system  ## a virtual environment with everything, and the system packages where that is allowed

.venv/.ready: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Runoff needs Python 3.11 or newer, and none was found: install one, or run make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,redis]'
	@touch $@

system:  ## install bubblewrap (and say how, where it may not be installed)
	@sh tests/system-packages.sh bubblewrap

demo: setup  ## resolve a real bug in the bundled example repository
	@sh examples/demo.sh $(CURDIR)/$(BIN)/runoff

test: setup  ## run the tests (those that need docker or redis say so when they are skipped)
	$(BIN)/python -m pytest -m 'not slow' -n 2

slow: setup  ## the long property-based runs
	$(BIN)/python -m pytest -m slow

lint: setup  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup  ## mypy, strict
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases -p benchmarks

contracts: setup  ## import-linter: an arrow points only downwards
	$(BIN)/lint-imports

check: lint types contracts test  ## all of the above

bench: setup  ## the benchmarks that need no data of others
	@sh benchmarks/run-all.sh $(BIN)/python

format: setup  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the virtual environment and caches
	rm -rf .venv .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache build dist *.egg-info
