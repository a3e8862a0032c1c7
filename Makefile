# make demo   set up, run four losses on the bundled collection, print the leaderboard
# make test   set up, check style, types, import walls, run the tests
# make peers  set up, let other tools' loaders read the exported answer key
# make bench  set up, measure speed against the libraries a user would otherwise call
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH := 2.13.0
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint bench peers clean

demo: $(VENV)/installed
	$(BIN)/distill run demo

# Two processes of one thread each: most tests are small, and those that start servers wait.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

bench: $(VENV)/installed
	$(BIN)/python -m benchmarks

# The CPU build of torch where pip finds one: gigabytes less than the build with CUDA.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) 'torch==$(TORCH)+cpu' 2>/dev/null \
	  || $(PIP) --retries 0 --timeout 15 --extra-index-url https://download.pytorch.org/whl/cpu 'torch==$(TORCH)+cpu' 2>/dev/null \
	  || $(PIP) 'torch==$(TORCH)'
	$(PIP) --editable '.[offline,dev,dask]'
	test -d /usr/lib/postgresql || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null \
	  || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends postgresql >/dev/null; } \
	  || echo 'PostgreSQL could not be installed: the test of the deployments on it will be skipped.'
	touch $@

# The loaders of other tools, whose pins contradict ours, read back what distill export writes.
peers: $(VENV)/installed
	$(BIN)/pip install --quiet --no-deps --target .peers pylate==1.6.0 tevatron==0.1.0 FlagEmbedding==1.4.2 \
	  colbert-ai==0.2.22 beir==2.2.0 peft ujson==5.12.0 gitpython gitdb smmap
	DISTILL_PEERS=$(CURDIR)/.peers $(BIN)/python -m pytest -m reference tests/data/dialects

clean:
	rm -rf $(VENV) .peers .prefect artifacts
