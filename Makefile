# Every target sets up .venv by itself: `make demo` and `make test` are all a fresh clone needs.
PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.installed

.PHONY: demo test test-all faults soak fuzz check format lint types doctest constraints audit clean help
help:
	@echo "make demo      set up, then a whole study on a synthetic corpus (minutes on two CPU cores)"
	@echo "make test      set up, then the tests;   make test-all   with the slow ones"
	@echo "make faults    kills, full disks, lost stores;   make soak   for two hours"
	@echo "make check     format, lint, types, tests, doctests"

$(SETUP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "spectune needs Python 3.11 or newer, got " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	touch $(SETUP)

demo: $(SETUP)
	$(BIN)/spectune demo

# One thread each: OpenMP waits by spinning, so that two processes of two threads on two cores take
# half as long again. Not the files of many tests first, since those of few take longest.
# COVERAGE=1 measures it too, against the floor in pyproject.toml; that takes a third longer.
test: $(SETUP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not gpu and not faults and not soak" $(if $(COVERAGE),--cov --cov-report=term:skip-covered)

test-all: $(SETUP)
	$(BIN)/python -m pytest -m "not faults and not soak"

# 40 kills at random moments, full disks and lost stores, in under 20 minutes on two cores.
faults: $(SETUP)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m faults tests/faults

# 200 kills, 500 trials in one run, 50 sessions of one study: about two hours.
soak: $(SETUP)
	SPECTUNE_KILLS=200 $(BIN)/python -m pytest -m "faults or soak" -s tests/faults

# Coverage-guided fuzzing of every reader, FUZZ_SECONDS each; a finding ends it.
FUZZ_SECONDS ?= 120
fuzz: $(SETUP)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt atheris==3.0.0
	for reader in audio study_yaml table weights probabilities bundle; do mkdir -p .fuzz/$$reader; \
	  $(BIN)/python tests/fuzz/fuzz_readers.py $$reader -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4000 \
	    -timeout=30 -print_final_stats=1 -verbosity=0 -artifact_prefix=.fuzz/$$reader- .fuzz/$$reader || exit 1; done

format: $(SETUP)
	$(BIN)/ruff format --check .

lint: $(SETUP)
	$(BIN)/ruff check .

types: $(SETUP)
	$(BIN)/mypy

doctest: $(SETUP)
	$(BIN)/python -m pytest --doctest-modules study search_spaces runners reports --no-cov -q

check: COVERAGE := 1
check: format lint types test doctest

# Resolve again after a change of pyproject.toml; names versions only, no index.
constraints:
	$(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --extra dev --extra pretrained \
	  --no-header --no-emit-index-url --no-emit-find-links --no-annotate --upgrade pyproject.toml -o constraints.txt

# Known vulnerabilities of the pinned set, from PyPI's advisories; needs a network that reaches pypi.org.
# Elsewhere: make audit ADVISORIES=insecure.json, of the Safety database or another list like it.
audit: $(SETUP)
ifdef ADVISORIES
	$(BIN)/python .ci/audit.py $(ADVISORIES)
else
	test -x .audit/bin/python || $(PYTHON) -m venv .audit
	$(BIN)/uv pip install --quiet --python .audit/bin/python pip-audit
	.audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt
endif

clean:
	rm -rf .venv .fuzz .audit build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
