# The commands of this project. `make demo` and `make test` need nothing but Python >= 3.11 and make.
#
#   PYTHON       the interpreter that makes the environment          (python3)
#   VENV         where the environment lies                          (.venv)
#   TORCH_INDEX  another package index for torch alone, such as https://download.pytorch.org/whl/cpu
#   JOBS         how many processes run the tests                    (one per core, at most 4)
#   DEMO         where the demo writes                               (demo)

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
JOBS ?= logical --maxprocesses 4
DEMO ?= demo
FLOOR_VENV ?= .venv-floor

BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check install --quiet
INSTALL = $(PIP) --constraint constraints.txt
VERSIONS = pyproject.toml constraints.txt

.PHONY: help demo check fast test lint js lab classroom renew floor clean

help:
	@echo "make demo       generate an image, record it, and write its maps into demo/"
	@echo "make check      style, types and the fast tests, in a minute or two"
	@echo "make test       run all tests"
	@echo "make lint       style, types and the floor plan"
	@echo "make js         check, build and test the explorer's front end (needs Node.js)"
	@echo "make lab        open JupyterLab on the notebooks"
	@echo "make classroom  show the page for teaching (notebooks/classroom.ipynb) in the browser"
	@echo "make renew      make anew what the documents show, after another training"
	@echo "make floor      run the tests with the oldest versions we support"
	@echo "make clean      remove what these commands made"

demo: $(VENV)/.installed-core
	$(BIN)/daam-nb "a tree next to a car in the snow" --seed 0 --effects --output-folder $(DEMO) --overwrite

# What to run before every commit: style and types beside the tests that have no mark.
check: $(VENV)/.installed-dev
	$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint fast

fast: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadgroup --fast

# One thread each, so that parallel processes do not fight over the cores.
test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --durations 60

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# In CI, what is checked in must be what the sources make; elsewhere it is made, before the tests,
# one of which compares it.
js:
	$(if $(CI),,@if test -x $(BIN)/python; then $(BIN)/python -m scripts.explorer_controls; \
	    else echo "No $(BIN)/python: the table of controls is not written anew. After a change of it," \
	    "run 'python -m scripts.explorer_controls' where daam_nb is installed, then 'make js' again."; fi)
	npm ci --prefix js --ignore-scripts --no-audit --no-fund --loglevel=error
	npm run --prefix js --silent lint
	npm run --prefix js --silent check
	npm run --prefix js --silent $(if $(CI),current,build)
	npm run --prefix js --silent test

lab: $(VENV)/.installed-lab
	$(BIN)/jupyter lab notebooks

# Two kernels run the notebook before anyone asks, so that a page is there in seconds.
classroom: $(VENV)/.installed-lab
	JUPYTER_PATH=$(CURDIR)/notebooks $(BIN)/voila notebooks/classroom.ipynb --template=offline \
	    --preheat_kernel=True --pool_size=2 \
	    --VoilaConfiguration.extension_denylist=@jupyter-notebook/lab-extension

# Everything that shows what the shipped model draws. The prose around it is to be read again.
renew: $(VENV)/.installed-dev
	$(BIN)/python -m scripts.make_sample
	$(BIN)/python -m scripts.explorer_fixture
	$(BIN)/python -m scripts.demo_image
	$(BIN)/python -m scripts.print_blocks docs/what-a-heat-map-does-not-say.md docs/explorer.md
	$(BIN)/python -m scripts.execute_notebooks
	$(BIN)/python -m scripts.explorer_screenshots
	$(BIN)/python -m scripts.rating_screenshots

floor:
	.ci/floor $(PYTHON) $(FLOOR_VENV)

clean:
	rm -rf $(VENV) $(FLOOR_VENV) $(DEMO) build dist js/node_modules
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find daam_nb tests training -name __pycache__ -type d -prune -exec rm -rf {} +

# Torch first and by itself: it is the one package that may come from another index (without the
# constraints, because what torch needs is kept there in other versions; the next install mends it).
$(VENV)/.made: $(VERSIONS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "daam_nb needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	    echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(PIP) --index-url $(TORCH_INDEX) $(shell grep '^torch==' constraints.txt),$(INSTALL) torch)
	@touch $@

$(VENV)/.installed-core: $(VENV)/.made
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.made
	$(INSTALL) --editable ".[dev]"
	@touch $@

$(VENV)/.installed-lab: $(VENV)/.made
	$(INSTALL) --editable ".[lab]"
	@touch $@
