# Everything runs inside .venv, which the first target that needs it makes. Only Python and make
# have to be there before.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# The first of these that is new enough; `make PYTHON=/path/to/python` chooses another.
PYTHON ?= $(shell for python in python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

CHECKED := src tests tools benchmarks examples conftest.py

# The steps of the gate come one after another even under make -j, the quickest to fail first.
.NOTPARALLEL:
.PHONY: help setup demo test test-long fuzz check format-check lint types layers budgets format bench bench-quick clean

help:
	@echo "make demo         train on handwritten digits; writes history.png"
	@echo "make test         run the tests and the examples of the documentation (ARGS=... goes to pytest)"
	@echo "make test-long    the tests that take minutes: runs killed at 50 instants"
	@echo "make fuzz         read 100,000 damaged files (ARGS=\"--runs 1000\" for fewer)"
	@echo "make check        the gate: format, lint, types, layers, budgets, tests"
	@echo "make format       format, sort imports and fix what ruff can fix"
	@echo "make bench        compare speed with torch by hand, Keras and Lightning (bench-quick: a short run)"
	@echo "make clean        remove .venv, caches and everything else that make wrote"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "treadle needs Python 3.11 or newer; got none named python3.11, python3" \
		"or python on the PATH. Install it, or type: make PYTHON=/path/to/python3.11"; exit 1; } >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "treadle needs Python 3.11" \
		"or newer; got `$(PYTHON) -V 2>&1`. Type: make PYTHON=/path/to/python3.11"; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "treadle needs Python's venv and ensurepip modules;" \
		"$(PYTHON) lacks them. On Debian and Ubuntu: apt install python3-venv"; exit 1; } >&2
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo "== set-up: $(VENV), from `$(PYTHON) -V`"; \
		$(PYTHON) -m venv --clear $(VENV); }
	@echo "== set-up: installing the versions of constraints.txt (some minutes the first time)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt hatchling editables
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt \
		--no-build-isolation --editable '.[dev]'
	@touch $@

demo: $(STAMP)
	@echo "== demo: examples/demo.py"
	@$(BIN)/python examples/demo.py

# Processes of one thread each finish sooner than one process of many threads, and one thread
# gives the same sums on every machine.
test: export OMP_NUM_THREADS := 1
test: export MKL_NUM_THREADS := 1
test: $(STAMP)
	@echo "== tests: pytest, one thread in each process"
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

test-long: export OMP_NUM_THREADS := 1
test-long: export MKL_NUM_THREADS := 1
test-long: export TREADLE_KILLED_RUNS ?= 50
test-long: export TREADLE_KILLS ?= 5
test-long: export TREADLE_FULL_GUIDES ?= 1
test-long: export TREADLE_LONG ?= 1
test-long: $(STAMP)
	@echo "== long tests: pytest -m slow, $(TREADLE_KILLED_RUNS) killed runs of each kind"
	@$(BIN)/python -m pytest -n auto --dist worksteal -m slow $(ARGS)

fuzz: export OMP_NUM_THREADS := 1
fuzz: $(STAMP)
	@echo "== fuzz: tools/fuzz.py"
	@PYTHONPATH=. $(BIN)/python -W ignore tools/fuzz.py $(ARGS)

check: format-check lint types layers budgets test
	@echo "== the gate is passed"

format-check: $(STAMP)
	@echo "== format: ruff format --check"
	@$(BIN)/ruff format --check --quiet $(wildcard $(CHECKED)) || { $(BIN)/ruff format --diff --quiet \
		$(wildcard $(CHECKED)); echo "format: expected what 'make format' writes"; exit 1; } >&2

lint: $(STAMP)
	@echo "== lint: ruff check"
	@$(BIN)/ruff check --quiet $(wildcard $(CHECKED))

types: $(STAMP)
	@echo "== types: pyright"
	@$(BIN)/pyright --pythonpath $(BIN)/python

layers: $(STAMP)
	@echo "== layers: lint-imports"
	@$(BIN)/lint-imports --no-logo

budgets: $(STAMP)
	@echo "== budgets: tools/budgets.py"
	@$(BIN)/python tools/budgets.py

format: $(STAMP)
	@echo "== format: ruff check --fix, ruff format"
	@$(BIN)/ruff check --quiet --fix-only $(wildcard $(CHECKED))
	@$(BIN)/ruff format $(wildcard $(CHECKED))

bench: $(STAMP)
	@echo "== benchmark: benchmarks.suite (peers: tools/bench_environments.sh)"
	@$(BIN)/python -m benchmarks.suite $(ARGS)

bench-quick: $(STAMP)
	@echo "== benchmark: benchmarks.suite --quick"
	@$(BIN)/python -m benchmarks.suite --quick $(ARGS)

clean:
	@echo "== clean"
	@rm -rf $(VENV) build dist history.png .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find src tests tools benchmarks examples -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
