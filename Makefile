# Everything needs only Python >= 3.11, make and a package registry.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Processes that run tests, each with one thread.
JOBS ?= 2
STAMP := $(VENV)/installed

# Other tools that read our exports, apart from what users install: see tests/interop.
INTEROP := .venv-interop
INTEROP_STAMP := $(INTEROP)/installed

# Of `make lowest`.
LOWEST := .venv-lowest

.PHONY: demo test lint types tests slow lowest interop release docs docs-serve clean

demo: $(STAMP)
	$(BIN)/sapnet demo

test: lint types tests

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

tests: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" --numprocesses $(JOBS) --dist loadfile

slow: $(STAMP)
	$(BIN)/python -m pytest -m slow

# The fast suite with the lowest versions that pyproject.toml states; the tests' tools are today's.
lowest:
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --disable-pip-version-check --quiet uv
	$(LOWEST)/bin/uv pip compile --quiet --resolution lowest-direct --extra ui pyproject.toml \
		--output-file $(LOWEST)/requirements.txt
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python \
		--requirement $(LOWEST)/requirements.txt --requirement tests/lowest.txt
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --no-deps --editable .
	$(LOWEST)/bin/python -m pytest -m "not slow"

# Wheel and sdist from a clean clone, each tried in a fresh environment; nothing is published.
release:
	$(PYTHON) .ci/release.py

interop: $(INTEROP_STAMP)
	$(INTEROP)/bin/python -m pytest tests/interop -s

$(INTEROP_STAMP): pyproject.toml tests/interop/requirements.txt
	$(PYTHON) -m venv $(INTEROP)
	$(INTEROP)/bin/python -m pip install --disable-pip-version-check --quiet --editable . \
		--requirement tests/interop/requirements.txt
	touch $@

docs: $(STAMP)
	$(BIN)/python docs/generator/configuration.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

docs-serve: $(STAMP)
	$(BIN)/mkdocs serve

# Python compiles what it imports; to compile all that is installed takes minutes.
$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-compile --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(INTEROP) $(LOWEST) runs build site *.egg-info .mypy_cache .ruff_cache .pytest_cache
