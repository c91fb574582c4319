# PICA companion. `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test check format lock audit clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# TORCH=cuda takes the build for NVIDIA cards, TORCH=cpu one that is a tenth as large.
TORCH ?= $(if $(shell command -v nvidia-smi),cuda,cpu)
CPU_INDEX := https://download.pytorch.org/whl/cpu
# Each package is pinned with its hashes, so pip looks for no other and takes no changed file.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes

$(VENV)/.run: requirements.lock requirements-$(TORCH).lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -r requirements.lock
	$(INSTALL) -r requirements-$(TORCH).lock $(if $(filter cpu,$(TORCH)),--extra-index-url $(CPU_INDEX))
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	$(INSTALL) -r requirements-dev.lock
	@touch $@

setup: $(VENV)/.run ## Virtual environment with what the service needs

setup-dev: $(VENV)/.dev ## The same, and what the tests need

demo: setup ## Talk with PICA in the browser: no token, no server, no GPU
	$(BIN)/pica demo

# Tests start dozens of processes: what one has compiled the others need not compile again.
test: setup-dev ## The whole test suite
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist worksteal

check: setup-dev ## Lint, format, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup-dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## Pin the newest versions that pyproject.toml admits, with their hashes
	.ci/lock

audit: setup-dev ## Ask PyPI for known vulnerabilities of the pinned packages
	.ci/audit $(BIN)/pip-audit

clean: ## Remove what was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
