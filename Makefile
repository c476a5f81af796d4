# Each target installs what it needs in .venv. PYTHON is the interpreter for .venv (3.11 or later),
# OLDEST_PYTHON that for .venv-oldest (3.11).
PYTHON ?= python3
OLDEST_PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

JOBS ?= 3
PARALLEL := -n $(JOBS) --dist loadfile --no-loadscope-reorder
TESTS := $(BIN)/python -m pytest $(PARALLEL)

.PHONY: demo test test-all test-oldest check parity lint format types docs pictures fuzz soak clean

demo: $(VENV)/.product  ## train and test DeepConv1d on the synthetic database
	$(BIN)/python scripts/train.py

test: $(VENV)/.complete  ## the tests but those marked `slow`; those on real records need ECG_MITDB=FOLDER and others, see CONTRIBUTING.md
	$(TESTS) -m "not slow"

test-all: $(VENV)/.complete  ## all tests
	$(TESTS)

# Warnings of old versions about each other are no errors here.
test-oldest: .venv-oldest/.complete  ## the tests of `make test` without Keras, with the lowest versions that pyproject.toml states
	.venv-oldest/bin/python -m pytest $(PARALLEL) -m "not slow" --ignore=tests/parity \
		-W ignore::DeprecationWarning -W ignore::PendingDeprecationWarning -W ignore::FutureWarning

check: lint format types test  ## lint, format, types, and the tests of `make test`

parity: $(VENV)/.complete  ## the comparison with Keras only, and its table of measured errors
	$(BIN)/python -m pytest -m parity --parity-table=parity.md

lint: $(VENV)/.complete
	$(BIN)/ruff check .

format: $(VENV)/.complete  ## list files that are not formatted; `ruff format .` fixes them
	$(BIN)/ruff format --check .

types: $(VENV)/.complete
	$(BIN)/mypy ecg_lightning keras_reference scripts tests

docs: $(VENV)/.docs  ## the documentation, in build/docs/index.html; warnings are errors
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/docs

SECONDS := 60
SEED := 0
FITS := 200
PREDICTIONS := 2000

fuzz: $(VENV)/.complete  ## damaged files, for SECONDS each of the targets that scripts/fuzz.py lists
	OMP_NUM_THREADS=1 $(BIN)/python scripts/fuzz.py --seconds $(SECONDS) --seed $(SEED)

soak: $(VENV)/.complete  ## FITS short fits and PREDICTIONS predictions in one process
	OMP_NUM_THREADS=1 $(BIN)/python scripts/soak.py --fits $(FITS) --predictions $(PREDICTIONS)

pictures: $(VENV)/.product  ## the pictures of the synthetic database
	$(BIN)/python scripts/pictures.py docs/images

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.product: pyproject.toml | $(VENV)/.made
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.complete: pyproject.toml | $(VENV)/.made
	$(BIN)/python -m pip install --quiet --editable '.[keras,onnx,dicom,formats,dev]'
	touch $@ $(VENV)/.product

$(VENV)/.docs: pyproject.toml | $(VENV)/.made
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@ $(VENV)/.product

.venv-oldest/.complete: pyproject.toml scripts/oldest_versions.py
	$(OLDEST_PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python scripts/oldest_versions.py > .venv-oldest/constraints.txt
	.venv-oldest/bin/python -m pip install --quiet --constraint .venv-oldest/constraints.txt \
		--editable '.[onnx,dicom,formats,parquet,dev]'
	touch $@

clean:
	rm -rf $(VENV) .venv-oldest build dist *.egg-info
