# The commands people run. `make` lists them. A virtual environment that is active is used, else .venv is made.
VENV := $(or $(VIRTUAL_ENV),.venv)
BIN := $(VENV)/bin
FAULTS_SECONDS ?= 240

.DEFAULT_GOAL := help
.PHONY: help setup test lint format docs models quickstart faults ci

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

$(BIN)/python:
	python3 -m venv $(VENV)

setup: $(BIN)/python ## install the package in editable mode with everything the tests need
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev,offline]'

test: ## run the test suite on all cores
	$(BIN)/pytest -n auto

lint: ## check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: ## format the code and apply the safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: ## write the generated pages again
	$(BIN)/python -m alambique.recipe.reference > docs/recipe.md
	$(BIN)/python -m alambique.doctor.reference > docs/findings.md
	$(BIN)/python docs/make_api.py > docs/api.md
	$(BIN)/python -m alambique.report.schema > docs/report.schema.json

models: ## try every architecture and write docs/models.md again, about an hour
	$(BIN)/python docs/make_models.py > docs/models.md

quickstart: ## run the embedded recipe into runs/quickstart, about 80 seconds
	$(BIN)/alambique distill

faults: ## kill, damage and interrupt runs for FAULTS_SECONDS (240)
	$(BIN)/pytest tests/faults -m slow --faults-seconds $(FAULTS_SECONDS) -vv

ci: ## run what CI runs
	.ci/run
