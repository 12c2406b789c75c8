# make lab    set up, then open JupyterLab on the first lesson
# make test   set up, then run every test
# make bench  set up, then print how fast we are beside other libraries
PYTHON ?= python3
BIN := .venv/bin
# JupyterLab refuses to run as root (in a container, say) unless told that this is meant
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: lab test bench notebooks checkpoints constraints

lab: .venv/ready
	$(BIN)/jupyter lab $(AS_ROOT) notebooks/00_start_here.ipynb

# The lessons run strictly, their network refused and without touching the learner's progress.
# Two files at a time, each on one thread: a training on two threads waits for both in every
# operation, and crawls as soon as anything else, such as the tests' browser, takes one of the cores.
# The longest notebooks come first, so that none is left for one core alone at the end.
LONGEST := $(wildcard solutions/practice_*.ipynb)
NOTEBOOKS := $(LONGEST) $(filter-out $(LONGEST),$(wildcard notebooks/*.ipynb solutions/*.ipynb))
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --durations=40
test: .venv/ready
	$(PYTEST) --dist loadgroup --no-loadscope-reorder tests
	PYTHONPATH=$(CURDIR)/tests/offline SSLCOURSE_PROGRESS=off $(PYTEST) --dist loadfile \
		--nbval --nbval-current-env --nbval-cell-timeout=300 \
		--nbval-sanitize-with tests/measured.cfg --no-loadscope-reorder $(NOTEBOOKS)

# Needs two quiet cores for a quarter of an hour. BENCH="losses views" compares only that,
# BENCH=--quick only shows that everything works
bench: .venv/bench
	$(BIN)/python -W ignore tests/benchmarks/bench.py $(BENCH)

# Executes the lessons and writes them back with fresh outputs; then exercises and the teachers' page
notebooks: .venv/ready
	$(BIN)/python -m sslcourse.authoring
	$(BIN)/python -m sslcourse.teach.classroom

# Trains and writes what the course brings along; hours. PHOTOGRAPHS names a folder of CIFAR-10
checkpoints: .venv/ready
	$(BIN)/python -m sslcourse checkpoints $(if $(PHOTOGRAPHS),--photographs $(PHOTOGRAPHS))

# Writes down the versions that are installed now, as those that were tested; all extras are there
constraints: .venv/bench
	$(BIN)/pip freeze --exclude-editable > constraints.txt

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "The course needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -c constraints.txt -e '.[test]'
	touch $@

# Only `make bench` needs the libraries that we are compared with
.venv/bench: .venv/ready
	$(BIN)/pip install -c constraints.txt -e '.[bench]'
	touch $@
