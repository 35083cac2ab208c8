# Two commands for a newcomer: `make demo` and `make test`. Python 3.11+ and make are all they need.
PYTHON ?= python3
BIN := .venv/bin
SETUP := $(PYTHON) requirements/setup.py

.PHONY: demo test lint bench differential requirements clean

demo:
	@$(SETUP) demo
	@$(BIN)/pipeline-access demo

test:
	@$(SETUP) dev
	@$(BIN)/python -m pytest -n auto --dist loadgroup

lint:
	@$(SETUP) dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench:
	@$(SETUP) dev
	@$(BIN)/python -m bench

differential:
	@$(SETUP) dev
	@$(BIN)/python -m tests.differential

# Renews the pinned, hashed requirements from pyproject.toml (needs uv).
requirements:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate pyproject.toml -o requirements/runtime.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --extra demo pyproject.toml -o requirements/demo.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --extra dev pyproject.toml -o requirements/dev.txt

clean:
	rm -rf .venv
