# `make` says what there is to make. Everything stays inside the checkout.

VENV   ?= .venv
DATA   ?= data
PYTHON ?= python3
# For a part of the tests: a trial module, a pytest path.
UNIT        ?= tests.unit
INTEGRATION ?= tests/integration
# How many integration tests run at the same time, each in a process of its own; 0: one after the other in this one.
WORKERS     ?= 2

# For `make simulate`.
SEEDS  ?= 2000
NODES  ?= 4
FAULTS ?= 1
LOSS   ?= 0.2

BIN   := $(VENV)/bin
LOGS  := build
SHELL := /bin/bash

# What was installed, and how: says nothing unless it fails. Modules are compiled when they are first used.
SUM     := $(shell cat setup.cfg setup.py constraints.txt | cksum | cut -d ' ' -f 1)
RUN     := $(VENV)/.run-$(SUM)
TEST    := $(VENV)/.test-$(SUM)
INSTALL := mkdir -p $(LOGS); quiet() { "$$@" >$(LOGS)/install.log 2>&1 || { cat $(LOGS)/install.log >&2; exit 1; }; }; quiet
SCRIPTS := javascript/node_modules/.installed-$(shell cat javascript/package.json javascript/package-lock.json | cksum | cut -d ' ' -f 1)
PLUGINS := $(BIN)/python -c 'from twisted.plugin import IPlugin, getPlugins; list(getPlugins(IPlugin))'
comma   := ,
pip      = $(BIN)/python -m pip install --no-compile -c constraints.txt $(1)

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_CACHE_DIR = $(CURDIR)/$(LOGS)/pip-cache
export NPM_CONFIG_CACHE = $(CURDIR)/$(LOGS)/npm-cache
export PYTHONPATH = $(CURDIR)

.DEFAULT_GOAL := help
.PHONY: help natlab crashpoints simulate chaos checker run demo test check lint types unit integration bench docs javascript screenshots npm install clean

help: ## Show this help
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1|/' \
	  | while IFS='|' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

run: $(RUN) ## Start a node in ./data, in the foreground (Ctrl-C stops it)
	@exec $(BIN)/twistd -n --pidfile= cloudnode --datadir '$(DATA)'

demo: NODES = 7
demo: $(RUN) ## Start a network on this machine and watch it (NODES=7; q ends it)
	@exec $(BIN)/cloudnode demo --nodes $(NODES)

# Types and unit tests need no time, only a processor: they get what the integration tests, which mostly wait, leave of it.
test: $(TEST) ## Check everything, run all tests, and count them
	@$(MAKE) --no-print-directory lint
	@mkdir -p $(LOGS)
	@echo 'Types and unit tests run beside the integration tests; what fails there is shown in the end ($(LOGS)/unit.log).'
	@set -o pipefail; status=0; \
	  nice -n 19 $(MAKE) --no-print-directory -k types unit >$(LOGS)/unit.log 2>&1 & beside=$$!; \
	  trap "kill $$beside" INT TERM; \
	  $(MAKE) --no-print-directory integration 2>&1 | tee $(LOGS)/integration.log || status=1; \
	  if wait $$beside; then tail -n 3 $(LOGS)/unit.log; else status=1; cat $(LOGS)/unit.log; fi; \
	  $(BIN)/python tests/count.py $(LOGS)/unit.log $(LOGS)/integration.log || status=1; \
	  exit $$status

check: $(TEST) ## Lint, types and unit tests: seconds
	@$(MAKE) --no-print-directory lint types unit

lint: $(TEST) ## Ruff alone
	@$(BIN)/ruff check .

types: $(TEST) ## Mypy alone
	@$(BIN)/mypy

unit: $(TEST) ## Unit tests alone (UNIT=tests.unit.service)
	@$(BIN)/trial --temp-directory $(LOGS)/trial $(UNIT)

integration: $(TEST) ## Integration tests alone (INTEGRATION=tests/integration/test_daemon.py)
	@$(BIN)/python tests/twice.py --verbose --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder --durations=15 $(INTEGRATION)

bench: $(TEST) ## Run the benchmarks and print their tables
	@set -e; for each in benchmarks/bench_*.py; do \
	  each=$$(basename $$each .py); echo "== $$each"; $(BIN)/python -m benchmarks.$$each; done

simulate: $(RUN) ## Look for a fault of the consensus (SEEDS=2000 NODES=4 FAULTS=1 LOSS=0.2; also SEEDS=300 NODES=7 FAULTS=2)
	@$(BIN)/python -m cloudnode.simulator --seeds $(SEEDS) --nodes $(NODES) --faults $(FAULTS) --loss $(LOSS)

chaos: $(TEST) ## Publish MovieLens while nodes are killed, stopped and cut off (CHAOS='--seed 1')
	@$(BIN)/python -m tests.chaos --least 1500 --report $(LOGS)/chaos-report.txt $(CHAOS)

checker: $(TEST) ## Have 50 clients hop between nodes that are killed, lag and lie (CHECKER='--events 50000')
	@$(BIN)/python -m tests.checker --report $(LOGS)/checker-report.txt $(CHECKER)

natlab: RUNS = 10
natlab: DELAYS = 5,30,100,30/2
natlab: PAIRS =
natlab: JOBS = 1
natlab: $(TEST) ## Punch through every pair of NATs, real processes (RUNS=10 DELAYS=5,30,100,30/2 PAIRS= JOBS=1)
	@$(BIN)/python -m tests.natlab.matrix --runs $(RUNS) --delays $(DELAYS) --pairs '$(PAIRS)' \
	  --jobs $(JOBS)

crashpoints: $(TEST) ## Kill a validator at every call on its journal and database, in memory (minutes)
	@CLOUDNODE_ALL_CRASHPOINTS=1 $(BIN)/trial --temp-directory $(LOGS)/trial-crashpoints tests.unit.peers.test_crashpoints

docs: $(TEST) ## Generate from the code: the references in docs/, JavaScript's types and errors
	@$(BIN)/python -m cloudnode.api.reference
	@$(BIN)/python -m cloudnode.api.javascript

javascript: $(SCRIPTS) ## Check the JavaScript module, make its types and the bundle that nodes serve, test it
	@cd javascript && npm run --silent lint && npm run --silent build && npm test --silent

screenshots: $(TEST) ## Make the pictures of the page that the README shows (needs Chromium)
	@$(BIN)/python -m tests.screenshots

npm: $(SCRIPTS) ## Install what the tests of the JavaScript module need, in javascript/node_modules

install: $(TEST) ## Make the virtual environment alone

clean: ## Remove what was made here, except ./data
	rm -rf $(VENV) $(LOGS) javascript/node_modules dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis _trial_temp*
	find cloudnode tests twisted benchmarks examples -name __pycache__ -prune -exec rm -rf {} +
	rm -f twisted/plugins/dropin.cache

# A stamp's name holds a checksum of what decides what is installed: when that changes, the stamp is missing.
$(RUN): | $(BIN)/python
	@echo 'Installing what a node needs into $(VENV), once ...'
	@$(INSTALL) $(call pip,setuptools) && quiet $(call pip,--no-build-isolation -e .) && quiet $(PLUGINS)
	@rm -f $(VENV)/.run-* && touch $@

$(TEST): $(RUN)
	@echo 'Installing what the tests need into $(VENV), once ...'
	@$(INSTALL) $(call pip,--no-build-isolation -e '.[test$(comma)dev]')
	@rm -f $(VENV)/.test-* && touch $@

$(SCRIPTS):
	@command -v npm >/dev/null || { echo "There is no npm: install Node.js 18 or later with npm." >&2; exit 1; }
	@echo 'Installing what JavaScript needs into javascript/node_modules, once ...'
	@$(INSTALL) npm ci --prefix javascript
	@touch $@

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON): install Python 3.11 or later." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$$(command -v $(PYTHON)) is $$($(PYTHON) --version): Python 3.11 or later is needed, as in" \
	    "make PYTHON=python3.12" >&2; exit 1; }
	@$(INSTALL) $(PYTHON) -m venv $(VENV)
