# Each target makes .venv and installs what it needs by itself, and does nothing when all is up to date.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro test lint tables format install clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

# A downloaded ZIP has no git, which DVC asks for unless it is told.
repro: install ## the default study, then its metrics
	@git rev-parse --git-dir >/dev/null 2>&1 || dvc config --local core.no_scm true
	dvc repro
	ssavl metrics

test: install
	pytest -n 2 --dist loadfile

lint: install ## style, types, import floors; the tables of the documents against their files
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	python docs/tables --check

tables: install ## the tables of the documents, out of the committed files
	python docs/tables

format: install
	ruff check --fix .
	ruff format .

clean: ## resume state and caches; never data or .venv
	rm -rf .ssavl .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find ssavl tests benchmarks -name __pycache__ -type d -exec rm -rf {} +
