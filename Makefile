PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
PYTHONS := 3.11 3.12 3.13
ARGS   ?= experiment=svd_ste rank=20 data=digits
OUTPUTS ?= outputs
STAMP  := $(VENV)/.installed
WORKERS := -n auto --dist loadfile # a process a core; a file's tests stay together, as they share what they trained

.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

setup: $(STAMP) ## make the environment in .venv from the lock file

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; own = '%d.%d' % sys.version_info[:2]; sys.exit(own not in '$(PYTHONS)'.split() and \
		'dlhw runs on Python $(PYTHONS), but $(PYTHON) is %s; try: make setup PYTHON=python$(lastword $(PYTHONS))' % own)"
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(STAMP)

run: $(STAMP) ## run the main job; anything else by ARGS="experiment=... data=..."
	$(PY) train.py $(ARGS)

test: $(STAMP) ## run the tests (no network needed)
	$(PY) -m pytest -q $(WORKERS) --durations=15

test-slow: $(STAMP) ## run every test, the slow ones too
	$(PY) -m pytest -q $(WORKERS) -m "slow or not slow"

test-pythons: ## run the tests on every Python that is supported, each with an environment of its own
	for version in $(PYTHONS); do \
		$(MAKE) test PYTHON=python$$version VENV=.venv-$$version || exit 1; \
	done

coverage: $(STAMP) ## the tests again, and which lines of src/ none of them ran
	$(PY) -m pytest -q $(WORKERS) --cov --cov-report=term-missing:skip-covered

lint: $(STAMP) ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

gallery: $(STAMP) ## outputs/index.html: a page to look through all runs and sweeps
	$(PY) -m dlhw.report.index "$(OUTPUTS)"

bench: $(STAMP) ## measure speed, side by side in one run
	$(PY) benchmarks/bench.py

reproduce: $(STAMP) ## run every study on real data (days on a laptop; goes on where it stopped), write outputs/book/index.html
	$(PY) -m dlhw.book book=full

reproduce-quick: $(STAMP) ## run every study once, small and short, on embedded data
	$(PY) -m dlhw.book book=quick

results: $(STAMP) ## write the tables of RESULTS.md from docs/results
	$(PY) -m dlhw.book book=tables

clean: ## remove the environment and caches (outputs stay)
	rm -rf $(VENV) .venv-3.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.PHONY: help setup run test test-slow test-pythons coverage lint gallery bench reproduce reproduce-quick results clean
