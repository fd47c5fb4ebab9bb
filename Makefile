# A fresh clone needs Python (3.11 or newer) and make. `make demo` is the whole loop, small but real.
PYTHON ?= python3
DEVICE ?=
DATABASE ?= sqlite
ARGS ?=

.PHONY: help demo test test-fast test-operations death-matrix lint ui install lock clean
.DEFAULT_GOAL := demo

help:  ## this list
	@grep -hE "^[a-z%-]+:.*##" Makefile | sed "s/:.*##/\t/"

demo: install  ## one iteration on the default model and the shipped seeds; again: everything cached
	.venv/bin/lance evolve demo $(ARGS)

test: install lint  ## real vLLM, TRL, Prefect, on a tiny model that the tests make; ARGS="-m ''" has what takes minutes more, too
	.venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not long" $(ARGS)

test-fast: install  ## seconds: neither Prefect nor torch is imported
	.venv/bin/pytest tests/unit $(ARGS)

lint: install
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench-%: install  ## make bench-overhead: code in tests/bench; the last line is JSON
	.venv/bin/python -m tests.bench.$* $(ARGS)

ui: install  ## Prefect server, UI, workers and deployments on this machine
	.venv/bin/lance up $(ARGS)

test-operations: install  ## deployments, workers and what dies, on a real server; what waits for minutes, too
	LANCE_TEST_DATABASE=$(DATABASE) .venv/bin/pytest tests/operations $(ARGS)

death-matrix: install  ## all that can die, on SQLite and PostgreSQL, as a table; stopped, it goes on (needs root and postgresql)
	.venv/bin/python -m tests.operations.death_matrix $(ARGS)

install:
	@$(PYTHON) infra/install.py $(if $(DEVICE),--device $(DEVICE))

lock: install  ## resolve pyproject.toml into infra/locks/ again (needs uv)
	.venv/bin/python infra/lock.py

clean:  ## environments and caches; never .lance, where models and data are
	rm -rf .venv .venv-model .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
