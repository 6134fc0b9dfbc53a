# make demo and make test set up everything they need in .venv and run; nothing else is required
# but Python 3.10 to 3.13.

PYTHON ?= $(shell for v in 3.12 3.11 3.13 3.10; do python$$v -c "import venv, ensurepip" 2>/dev/null && { echo python$$v; exit; }; done; echo python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# A worker takes its share of the files in order; one that is done takes over half of what another has left. Four of
# them, on two cores as well: TensorFlow keeps what it compiled to the end of a process, so that half as many would
# grow twice as large.
PYTEST := TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m pytest --numprocesses 4 --dist worksteal
SLOW := slow or reproduce

.PHONY: demo test test-all test-slow lint docs dist clean

demo: $(STAMP)
	$(BIN)/tfapp demo --out runs/demo

# Everything that takes no training, no process of its own and no paper's study.
test: $(STAMP) lint
	$(PYTEST) -m "not ($(SLOW))"

# Two sessions, for the memory of the workers.
test-all: test test-slow

# What `make test` leaves out.
test-slow: $(STAMP)
	$(PYTEST) -m "$(SLOW)"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The book, from docs/, README.md and the docstrings; open site/index.html. A warning ends it.
docs: $(STAMP)
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -b html docs site
	@echo "wrote site/index.html"

# Wheel and source distribution, in dist/.
dist: $(STAMP)
	$(BIN)/python -m build --no-isolation .

$(STAMP): setup.py pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; assert (3, 10) <= sys.version_info < (3, 14), 'tfapp needs Python 3.10 to 3.13, this is ' + sys.version.split()[0]"
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[app,serving,pose,test]"
	touch $(STAMP)

# One after the other, also under `make -j`.
.NOTPARALLEL:

clean:
	rm -rf $(VENV) build dist site
