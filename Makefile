# All targets run in .venv, which `make` builds from requirements.txt when needed.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup extras demo test test-all coverage repro lint docs pins clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY)  ## .venv with everything that the project needs

demo: $(READY)  ## the whole pipeline on generated pets, in demo/; needs no dataset
	python tools/demo.py

test: $(READY)  ## the tests, without those that take long
	python -m pytest -m "not slow" -p no:randomly

test-all: $(READY)  ## all tests, in random order
	python -m pytest --verbose

repro: $(READY)  ## the whole pipeline on the Oxford-IIIT Pet dataset
	petseg check
	dvc repro
	dvc metrics show

bench: demo  ## how fast all this is, against the recipe everybody copies
	python -m benchmarks

coverage: $(READY)  ## all tests, and the lines that no test runs
	python -m pytest --cov --cov-report=term:skip-covered

lint: $(READY)  ## what .pre-commit-config.yaml lists: ruff, mypy, notebooks, workflows
	pre-commit run --all-files --show-diff-on-failure

docs: $(READY)  ## the documentation as a site, in site/; needs Python 3.11
	python -m pip install --quiet --disable-pip-version-check --requirement requirements-docs.txt
	@command -v zensical >/dev/null || { echo "error: make docs needs Python 3.11 or later" >&2; exit 1; }
	python tools/reference_pages.py
	zensical build --strict --clean

extras: $(READY)  ## what `petseg serve`, other encoders, Beam, `petseg labels`, ONNX and HEIC photographs need on top of that
	python -m pip install --quiet --disable-pip-version-check --requirement requirements-extras.txt

# Resolves everything together first, so that the extras fit the versions in requirements.txt.
PIN := uv pip compile pyproject.toml --extra train --extra dev --universal --python-version 3.10 \
  --fork-strategy fewest --no-annotate --no-header --no-emit-index-url --upgrade --quiet
ALL_PINS := $(VENV)/all-pins.txt
DOCS_PINS := $(VENV)/docs-pins.txt
pins: $(READY)  ## rebuild requirements*.txt from pyproject.toml
	$(PIN) --extra app --extra service --extra beam --extra labels --extra encoders --extra heic --extra onnx --output-file $(ALL_PINS)
	$(PIN) --constraint $(ALL_PINS) --output-file requirements.txt
	grep -vxFf requirements.txt $(ALL_PINS) > requirements-extras.txt
	$(PIN) --constraint $(ALL_PINS) --extra docs --output-file $(DOCS_PINS)
	grep -vxFf requirements.txt $(DOCS_PINS) > requirements-docs.txt

clean:  ## remove .venv, .predict, demo/, site/, checkpoints and caches; data, models and DVC's cache stay
	rm -rf $(VENV) .predict demo site docs/reference .petseg .cache .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 10) <= v <= (3, 13) else \
	  f"error: Python 3.10 to 3.13 is needed, this is {v[0]}.{v[1]}; name another: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	python tools/vega.py
	touch $@
