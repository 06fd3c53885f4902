# `make` prints the targets. Nothing but Python (3.8 or later) and make is needed: `make up` sets up the rest.
PYTHON ?= python3
LOCAL  := $(PYTHON) -m local
BIN    := .venvs/airflow/bin

.DEFAULT_GOAL := help
.PHONY: help setup up demo down status logs env test check format lock docs clean

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Find Python 3.12 and make the environments from their locks
	@$(LOCAL) setup

up: ## Start Airflow and the embedded AWS; returns when they are healthy
	@$(LOCAL) up

demo: up ## Walk the whole journey of a flight, from its source to a drift report
	@eval "$$($(LOCAL) env)" && $(BIN)/python -m local.demo

down: ## Stop everything; returns when no process is left
	@$(LOCAL) down

status: ## Show each service with its state and memory
	@$(LOCAL) status

logs: ## Follow the logs of all services
	@tail -n 20 -F $${WINDTUNNEL_HOME:-.windtunnel}/logs/*.log

env: ## Print the environment for a shell: eval "$$(make -s env)"
	@$(LOCAL) env
