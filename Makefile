# Two commands to know: make demo, make test. Each makes .venv first, from constraints.txt.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: demo test test-long lint format bench peers clean

demo: $(VENV)/.installed
	$(BIN)/assay demo assay-demo

test: $(VENV)/.installed lint
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

test-long: $(VENV)/.installed
	$(BIN)/pytest -n $(WORKERS) --dist loadfile -m long --timeout=1800

lint: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# torch goes through pip alone: pip finds a CPU wheel where the machine's settings name one, uv does not read them.
$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt uv torch==2.13.0
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/startup.py

# What the benchmarks compare with, apart from the product's own versions.
peers: .peers/.installed
.peers/.installed:
	$(PYTHON) -m venv .peers
	.peers/bin/pip install --quiet modelscan==0.8.8
	touch $@

clean:
	rm -rf $(VENV) .peers build dist assay-demo
