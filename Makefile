# Every target sets up what it needs: a virtual environment in .venv, made by uv from the lock.
# uv itself is taken from PATH, or installed into .venv-uv when it is not there.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(shell command -v uv 2>/dev/null || echo .venv-uv/bin/uv)
SCENARIO ?=
E2E_PROVIDER ?= processes
PYTEST_ARGS ?=
CASES ?=
ONLY ?=
LANES ?= 8
BENCH_ARGS ?=
LOWEST_PYTHON ?= python3.11
DIST ?=
VERSION ?=
ZIZMOR := 1.32.0
ACTIONLINT := 1.7.12

.PHONY: run test e2e check lock format clean chart bench-sidecar bench-proxy bench-stores soak bench-overhead bench-scale bench-gates bench-termination bench-hygiene bench-early bench-mast bench-batch mutants docs reference demo-picture test-lowest test-highest test-release dist reproduce release-check release-version chart-package workflows help

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

run: $(VENV)/.ready ## Run the demo: make run [SCENARIO=honest-fix]
	$(BIN)/guarded-agent run --demo $(SCENARIO)

test: $(VENV)/.ready ## Run the test suite
	$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

test-lowest: .venv-lowest/.ready ## Run the suite with the lowest versions that pyproject.toml allows
	.venv-lowest/bin/python -m pytest -n 2 $(PYTEST_ARGS)

test-highest: .venv-highest/.ready ## Run the suite with the newest versions there are
	.venv-highest/bin/python -m pytest -n 2 $(PYTEST_ARGS)

test-release: $(VENV)/.ready | $(UV) ## Build this commit, and use the files as somebody who installs them
	$(BIN)/python -m pytest -p no:randomly e2e/release $(PYTEST_ARGS)

e2e: $(VENV)/.ready ## Run the suite on a real control plane (E2E_PROVIDER=processes|kind E2E_KUBERNETES=highest|lowest)
	E2E_PROVIDER=$(E2E_PROVIDER) $(BIN)/python -m pytest -p no:randomly e2e $(PYTEST_ARGS)

check: $(VENV)/.ready ## Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(VENV)/.ready ## Rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

chart: $(VENV)/.ready ## Write what the chart takes from the code: rights, values page, dashboard, pins
	$(BIN)/python deploy/helm/reads.py
	$(BIN)/python deploy/helm/values_page.py
	$(BIN)/python deploy/dashboards/build.py
	$(BIN)/python deploy/image/requirements.py

bench-sidecar: $(VENV)/.ready ## Decisions per second over HTTP, and memory of open runs
	$(BIN)/python -m benchmarks.sidecar $(BENCH_ARGS)

bench-proxy: $(VENV)/.ready ## What the model proxy adds to a turn
	$(BIN)/python -m benchmarks.proxy $(BENCH_ARGS)

soak: $(VENV)/.ready ## Memory of the service over an hour of sessions (BENCH_ARGS='--minutes 15')
	$(BIN)/python -m benchmarks.soak $(BENCH_ARGS)

bench-stores: $(VENV)/.ready ## Appends per second of each store
	$(BIN)/python -m benchmarks.stores $(BENCH_ARGS)

bench-overhead: $(VENV)/.ready ## Cost of the guard per turn and per event
	$(BIN)/python -m benchmarks.overhead

bench-scale: $(VENV)/.ready ## Time and memory of a look at 5,000 pods
	$(BIN)/python -m benchmarks.scale

bench-gates: $(VENV)/.ready ## Cases by gates, live (CASES=DIR ONLY='GLOB' LANES=8 BENCH_ARGS=...)
	$(BIN)/python -m benchmarks.gates --lanes $(LANES) $(if $(CASES),--cases '$(CASES)') \
	  $(if $(ONLY),--only '$(ONLY)') $(BENCH_ARGS)

bench-termination: $(VENV)/.ready ## How runs of six personas end, under three kinds of control
	$(BIN)/python -m benchmarks.termination $(BENCH_ARGS)

bench-early: $(VENV)/.ready ## Early errors put into real runs, and sound steps (GUARDRAILS_DATA=DIR)
	$(BIN)/python -m benchmarks.early $(BENCH_ARGS)

bench-hygiene: $(VENV)/.ready ## Tokens saved and facts kept on real conversations (GUARDRAILS_DATA=DIR)
	$(BIN)/python -m benchmarks.hygiene $(BENCH_ARGS)

bench-mast: $(VENV)/.ready ## Detectors against labelled runs (GUARDRAILS_DATA=DIR BENCH_ARGS='--errors 3.1')
	$(BIN)/python -m benchmarks.mast $(BENCH_ARGS)

bench-batch: $(VENV)/.ready ## Traces per second by engine, memory, a death (GUARDRAILS_DATA=DIR BENCH_ARGS='--traces 5000')
	$(BIN)/python -m benchmarks.batch $(BENCH_ARGS)

mutants: $(VENV)/.ready ## Mutation testing of the check functions (ONLY='GLOB', WORKSPACE=DIR)
	$(BIN)/python -m benchmarks.mutation $(if $(ONLY),--only '$(ONLY)') \
	  $(if $(WORKSPACE),--workspace '$(WORKSPACE)')

docs: $(VENV)/.ready ## Build the documentation site in build/docs/html, a warning being an error
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --nitpicky --quiet --builder html \
	  --doctree-dir build/docs/doctrees docs build/docs/html

reference: $(VENV)/.ready ## Write the reference pages that come from the code
	$(BIN)/python -m docs.generate

demo-picture: $(VENV)/.ready ## Draw docs/images/demo.svg from a run of the demo
	$(BIN)/python docs/images/draw_demo.py

dist: $(VENV)/.ready | $(UV) ## Build wheel, sdist and bill of materials of this commit into dist/
	$(BIN)/python -m deploy.release.build --uv $(UV) --out dist

reproduce: $(VENV)/.ready | $(UV) ## Build this commit twice, and compare every byte (DIST=dist too)
	$(BIN)/python -m deploy.release.reproduce --uv $(UV) $(if $(DIST),--dist $(DIST))

release-version: $(VENV)/.ready ## Set the version in every file that says it (VERSION=X.Y.Z)
	$(BIN)/python -m deploy.release.versions write '$(VERSION)'

release-check: $(VENV)/.ready ## Hold every file that says the version against the tag (DIST=dist too)
	$(BIN)/python -m deploy.release.versions check $(if $(DIST),--dist $(DIST))

chart-package: $(VENV)/.ready ## Package the chart into dist/ with the pinned Helm
	$(BIN)/python -m deploy.release.chart --out dist

workflows: | $(UV) ## Check the workflow files (needs Go)
	$(UV) tool run --quiet zizmor==$(ZIZMOR) --offline --no-progress .github
	go run github.com/rhysd/actionlint/cmd/actionlint@v$(ACTIONLINT)

lock: ## Resolve pyproject.toml again into requirements.lock
	$(MAKE) $(UV)
	$(UV) pip compile --quiet --universal --upgrade --python-version 3.11 --all-extras --group dev --group docs \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  pyproject.toml -o requirements.lock
	printf 'hatchling>=1.27\nhatch-vcs>=0.5\n' | $(UV) pip compile --quiet --universal --upgrade \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  - -o deploy/image/build-requirements.txt

clean: ## Remove environments and caches
	rm -rf $(VENV) .venv-uv .venv-lowest .venv-highest .cache .pytest_cache .ruff_cache .hypothesis build dist

# guarded_agent_entry.py is copied into an editable installation, as it is no package.
$(VENV)/.ready: requirements.lock pyproject.toml guarded_agent_entry.py | $(UV)
	test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --require-hashes requirements.lock
	VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --editable .
	touch $@

# Environments of their own, made anew whenever a bound changes.
.venv-lowest/.ready: INTERPRETER = $(LOWEST_PYTHON)
.venv-lowest/.ready: RESOLUTION = lowest-direct
.venv-highest/.ready: INTERPRETER = $(PYTHON)
.venv-highest/.ready: RESOLUTION = highest
.venv-lowest/.ready .venv-highest/.ready: pyproject.toml guarded_agent_entry.py | $(UV)
	$(UV) venv --quiet --clear --python $(INTERPRETER) $(@D)
	$(UV) pip compile --quiet --resolution $(RESOLUTION) --python $(@D)/bin/python --all-extras \
	  --group dev --no-header --no-emit-index-url --no-emit-find-links \
	  pyproject.toml -o $(@D)/requirements.txt
	VIRTUAL_ENV=$(@D) $(UV) pip sync --quiet $(@D)/requirements.txt
	VIRTUAL_ENV=$(@D) $(UV) pip install --quiet --no-deps --editable .
	touch $@

.venv-uv/bin/uv:
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.8'
