# One target a job; `make` alone lists them.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# What is installed beside plait; `dev,ray` also runs the tests that spread over Ray workers, as .ci/run does.
EXTRAS ?= dev

.DEFAULT_GOAL := help

# Tests start hundreds of processes: what each would compile again is kept, whatever the machine's own setting is.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help install demo test lint package sanitize page site check fix bench docs clean

help:            ## list the targets
	@grep -E '^[a-z]+: .*##|^[a-z]+:  *##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch numpy
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

install: $(VENV)/.installed ## everything into .venv

demo: install    ## the headline comparison, end to end, in 6 to 10 minutes
	$(BIN)/plait reproduce headline -o runs/headline

test: install    ## the test suite
	$(BIN)/pytest -n 2 --dist worksteal

lint: install    ## ruff, pyright, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache

package: install ## sdist and wheel, complete, and the wheel with its kernels in a new environment
	$(BIN)/python tests/package/check_installed.py

sanitize: install ## the kernels' tests on C++ compiled with sanitizers
	$(BIN)/python tests/kernels/check_sanitized.py

page: install    ## the page that computes, as one file: build/compute.html
	npm install --prefix web --silent --no-audit --no-fund --ignore-scripts
	$(BIN)/python web/build.py build/compute.html

site: page       ## the site, built without a warning and with every link checked: site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

check: lint test ## what a change must pass

fix: install     ## format and repair what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install   ## the benchmark behind each claim of speed
	$(BIN)/plait bench engine

docs: install    ## remake the tables and plots of docs/ and README.md from results/
	$(BIN)/plait report results --update docs --update README.md

clean:           ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build
