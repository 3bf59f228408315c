# make demo: a page of real diffusion images, from nothing.  make test: every test, from nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile --editable
# pip would compile all that torch ships, which takes longer than the demo's pictures. What is imported is compiled when
# it first is, and kept: so Python must be free to write it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test quick lint format chromium clean

demo: $(VENV)/.local
	$(BIN)/sweep run experiments/quickstart.yaml --out runs/quickstart
	@echo "Open runs/quickstart/report/index.html in a browser."

test: $(VENV)/.dev chromium lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

quick: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not browser"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.local: pyproject.toml | $(VENV)/bin/python
	$(PIP) ".[local]"
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(PIP) ".[local,parquet,cluster,metrics,store,dev]"
	@touch $@ $(VENV)/.local

# The browser tests open pages in Chromium; where it is missing and apt is there, it is installed.
chromium:
	@command -v chromium >/dev/null || { command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || { echo "make test: Chromium is missing; install the package chromium, then make test again"; exit 1; }

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
