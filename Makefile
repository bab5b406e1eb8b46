# The hub's commands. Everything happens in $(VENV), which the first of them sets up; afterwards no network is needed.
# Written for any make; the work is in scripts/.

VENV = .venv
AGE = oldest
HUB_ARGS =
BENCH_ARGS =
LOCK_ARGS =
BIN = $(VENV)/bin

.DEFAULT_GOAL = help
.PHONY: help setup servers run check lint layers types unit fix test bench lock clean distclean

help:
	@echo 'make run      set up what is missing and run the hub until Ctrl-C   (HUB_ARGS, PORT, DATABASE_URL)'
	@echo 'make check    the quick part: lint, format, types, layers, unit tests'
	@echo 'make test     everything, on the oldest and the newest Python found'
	@echo 'make bench    the benchmarks, with their table                       (BENCH_ARGS)'
	@echo 'make fix      what ruff can put right by itself, then its format'
	@echo 'make lock     resolve the dependencies again                         (LOCK_ARGS, e.g. --upgrade)'
	@echo 'make clean    remove caches and build products; distclean: the environments too'

setup:
	@scripts/setup.sh $(VENV) $(AGE)

servers:
	@scripts/servers.sh

run: setup
	@exec scripts/run.sh $(BIN)/hub $(HUB_ARGS)

check: lint layers types unit

lint: setup
	@echo '--> ruff'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

layers: setup
	@echo '--> import-linter'
	@$(BIN)/lint-imports --no-logo

types: setup
	@echo '--> mypy'
	@$(BIN)/mypy hub examples benchmarks tests/servers

unit: setup
	@echo '--> pytest'
	@$(BIN)/python -m pytest tests/unit

fix: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test:
	@MAKE='$(MAKE)' scripts/test.sh

bench: setup servers
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

lock: setup
	@scripts/lock.sh $(BIN)/uv $(LOCK_ARGS)

clean:
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name .venv -prune -o -name .venv-newest -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv .venv-newest
