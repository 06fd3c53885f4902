# `make` prints the targets. Nothing but Python (3.8 or later) and make is needed: each target sets up what it uses.
PYTHON ?= python3
LOCAL  := $(PYTHON) -m local
BIN    := .venvs/airflow/bin
export PYTHONPATH := include:plugins:.

.DEFAULT_GOAL := help
.PHONY: help demo up cluster down status logs env setup test check check-infra check-actions deploy undeploy bench-serving format revision docs lock package preflight upload merged clean

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(or $(ON),up) ## Walk the whole journey of a flight, from its source to a drift report (ON=cluster)
	@exported="$$($(LOCAL) env)" && eval "$$exported" && $(BIN)/python -m local.demo

up: ## Start Airflow and the embedded AWS; returns when they are healthy
	@$(LOCAL) up

cluster: ## Start the same with PostgreSQL, Redis and two Celery workers, as docker-compose.yaml runs it
	@$(LOCAL) cluster

down: ## Stop everything; returns when no process is left
	@$(LOCAL) down

status: ## Show each service with its state and memory
	@$(LOCAL) status

logs: ## Follow the logs of all services
	@tail -n 20 -F $${WINDTUNNEL_HOME:-.windtunnel}/logs/*.log

env: ## Print the environment for a shell: eval "$(make -s env)"
	@$(LOCAL) env

setup: ## Find Python 3.12 and make the environments from their locks
	@$(LOCAL) setup

test: setup ## Run all tests
	@$(BIN)/python -m local.lanes

check: setup ## Lint, types, import rules, formatting, Dockerfiles, locks, generated pages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy include dags plugins local infra tests
	$(BIN)/lint-imports --config pyproject.toml
	$(BIN)/hadolint Dockerfile include/model_image/Dockerfile
	$(BIN)/python -m local.locks --check
	$(BIN)/python -m local.settings_page --check
	$(BIN)/python -m local.feed_schema --check
	$(BIN)/python -m local.revisions --check

check-infra: setup ## Lint, weaknesses, rights, Terraform: the stacks, made on the embedded AWS and removed again
	@$(BIN)/python -m pytest tests/infra

deploy: setup ## Show and apply the changes of each stack (ENV=dev, ONLY=airflow, SET="ImageTag=<commit>", YES=1 asks nothing)
	@$(BIN)/python -m infra deploy $(ENV) $(addprefix --only ,$(ONLY)) $(addprefix --set ,$(SET)) $(if $(YES),--yes)

undeploy: setup ## Remove the stacks of ENV=dev; what holds data stays
	@$(BIN)/python -m infra undeploy $(ENV) $(addprefix --only ,$(ONLY)) $(if $(YES),--yes)

bench-serving: setup ## Measure our model server beside those of others (sets up an environment for each)
	@$(BIN)/python -m bench.serving

format: setup ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

revision: setup ## Raise the revision of a model whose folder changed (MODEL=flights)
	@$(BIN)/python -m local.revisions $(MODEL)

docs: setup ## Write docs/settings.md and the schema of the pages' feed from the code
	@$(BIN)/python -m local.settings_page
	@$(BIN)/python -m local.feed_schema

lock: setup ## Write the hashed locks whose inputs changed (CONSTRAINTS=MWAA's constraints file)
	@CONSTRAINTS="$(CONSTRAINTS)" $(BIN)/python -m local.locks

package: setup ## Write the bundle for MWAA to build/mwaa (COMMIT=HEAD, or any other)
	@COMMIT="$(COMMIT)" $(BIN)/python -m local.package

preflight: package ## Prove that MWAA can run the bundle (CONSTRAINTS= and ESSENTIAL=the two files of its image)
	@CONSTRAINTS="$(CONSTRAINTS)" ESSENTIAL="$(ESSENTIAL)" $(BIN)/python -m local.preflight

upload: setup ## Upload the bundle of build/mwaa and record its commit as one of main (BUCKET=of the code)
	@BUCKET="$(BUCKET)" $(BIN)/python -m local.upload

merged: setup ## Ask for the retrains that a deployed commit brings (ENV=dev COMMIT=, and MODEL= for one alone)
	@ENV="$(ENV)" COMMIT="$(COMMIT)" MODEL="$(MODEL)" $(BIN)/python -m local.merged

check-actions: setup ## Lint the workflows of GitHub Actions: actionlint, shellcheck, zizmor, their schema, our own rules
	@$(BIN)/python -m local.workflows

clean: down ## Stop everything and remove its state: databases, logs, passwords
	rm -rf $${WINDTUNNEL_HOME:-.windtunnel}
