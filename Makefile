# make setup   make .venv with dnsd and all that development needs (quick when it is there)
# make run     serve the example zones on 127.0.0.1:5300
# make lint    ruff, mypy, import-linter
# make test    lint, then every test, and once more on the other hot path those in which packets
#              are answered; as root it installs the peers it needs
# make mutants breaks each line of safety, one at a time, and runs the tests that must find it
# make bench   the short version of every study, in some minutes: what each shows, not figures
# make deb     build the Debian package of this checkout, dist/dnsd_*.deb
# make clean   remove all that was made

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := setup

BIN := .venv/bin
STAMP := .venv/.set-up
# The tests that answer packets with the hot path that is chosen: others cannot tell which it is.
ANSWERING := tests/fuzz/test_corpus.py \
    $(addprefix tests/cases/test_,odd_input.py daemon.py reload.py failover.py explain.py) \
    $(addprefix tests/parity/test_,answers.py limits.py odd_input.py pools.py sketch.py) \
    $(addprefix tests/parity/test_,truncation.py zones.py) \
    $(addprefix tests/unit/test_,alias_pools.py compile_answers.py handover.py) \
    $(addprefix tests/unit/test_,hotpath_lingering.py image_store.py serve_worker.py)
NATIVE := $(wildcard dnsd/*/*.pyx dnsd/*/*.pxd dnsd/*/*/*.pxd)

.PHONY: setup run lint test mutants peers bench deb clean

setup: $(STAMP)

$(STAMP): pyproject.toml setup.py .ci/venv $(NATIVE)
	.ci/venv
	touch $@

run: setup
	echo "Try: dig @127.0.0.1 -p 5300 www.example.com A    (Ctrl-C stops the server)"
	exec $(BIN)/dnsd serve

lint: setup
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Hundreds of processes start from the same modules, which are compiled once, whatever is set.
test mutants: export PYTHONDONTWRITEBYTECODE :=

test: lint peers
	$(BIN)/pytest -n 4 --dist worksteal -q $(TESTS)
	DNSD_HOTPATH=python $(BIN)/pytest -n 4 --dist worksteal -q $(or $(TESTS),$(ANSWERING))

mutants: setup
	$(BIN)/python -m tests.mutants $(MUTANTS)

peers:
	.ci/peers

bench: setup peers
	$(BIN)/python -m bench ttl --short --busy-ok --output bench/results/short-ttl.json
	$(BIN)/python -m bench plan --qps-budget 5 --rto 2m --from bench/results/short-ttl.json \
	    --output bench/results/short-plan.json
	$(BIN)/python -m bench dig --short --busy-ok --output bench/results/short-dig.json
	$(BIN)/python -m bench retry-storm --short --busy-ok --output bench/results/short-retry-storm.json
	$(BIN)/python -m bench failover --short --busy-ok --output bench/results/short-failover.json
	$(BIN)/python -m bench soak --short --busy-ok --output bench/results/short-soak.json
	$(BIN)/python -m bench overload --short --busy-ok --output bench/results/short-overload.json

deb:
	deploy/debian/build

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf .import_linter_cache
	find dnsd tests bench -name __pycache__ -prune -exec rm -rf {} +
	find dnsd \( -name '*.so' -o -name '*.c' \) -delete

.SILENT: setup run lint test mutants peers bench deb clean
