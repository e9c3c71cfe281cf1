# Each target sets up what it needs, from nothing but python3 and make. The same for people and CI.
.DEFAULT_GOAL := help
PY := .venv/bin/python
READY := .venv/.ready
LOCK := .venv/bin/uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

$(READY): requirements-dev.lock tools/setup.sh
	@sh tools/setup.sh

setup: $(READY)  ## make .venv with what requirements-dev.lock names

demo: $(READY)  ## crawl the replica site into demo/archive, verify and export it
	@$(PY) -m tools.demo

debian:  # asked each time: a package may have gone since
	@sh tools/debian.sh

test: $(READY) debian  ## all tests, with 30 crash trials
	$(PY) -m pytest -n 2 -q

test-again: $(READY) debian  ## the tests that failed last time, alone: those that pass now are flaky, and to be mended
	$(PY) -m pytest -n 0 -q -rA --show-capture=no --last-failed --last-failed-no-failures none

check: $(READY)  ## format, lint, types, layers
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

crash: $(READY) debian  ## the long form of the crash tests: on a folder, on S3, of wrong clocks, of browsers, of archives, of fleets
	CRASH_TRIALS=200 S3_TRIALS=100 CLOCK_TRIALS=20 BROWSER_TRIALS=5 SOURCE_TRIALS=20 FLEET_TRIALS=100 $(PY) -m pytest -n 2 -q -rP -m crash

ceph: $(READY)  ## the store's tests once more, on Ceph's radosgw; gets it from Debian if it is missing
	@$(PY) -m tests.s3.ceph
	S3_JUDGE=ceph $(PY) -m pytest tests/test_stores.py -q

bench: $(READY)  ## beside bare Scrapy, scrapy-webarchive and wget; verify; the ledger; a start; lists; requisites
	$(PY) -m bench.speed --write
	$(PY) -m bench.verify
	$(PY) -m bench.ledger
	$(PY) -m bench.ledger --ids 10000000 --ratios
	$(PY) -m bench.lists
	$(PY) -m bench.start
	$(PY) -m bench.requisites

bench-fleet: $(READY) debian  ## two workers beside one, a fleet's limits; its ledger at ten million ids: 45 minutes, 3 GB
	$(PY) -m bench.fleet
	$(PY) -m bench.redis
	LD_PRELOAD=libjemalloc.so.2 $(PY) -m bench.redis --kind valkey

bench-browser: $(READY) debian  ## pages in Chromium, beside scrapy-playwright that archives nothing
	$(PY) -m bench.browser

robustness: $(READY)  ## write docs/ROBUSTNESS.md anew, from the tests
	@$(PY) -m tools.robustness

lock:  ## make the locks anew from pyproject.toml: what a crawl needs, that with what the tests need, pywb
	.venv/bin/pip install -q uv
	$(LOCK) -o requirements.lock
	$(LOCK) --group dev -c requirements.lock -o requirements-dev.lock
	$(subst pyproject.toml,--group replay,$(LOCK)) -o requirements-replay.lock

.PHONY: help setup demo debian test test-again check crash ceph bench bench-fleet bench-browser robustness lock
