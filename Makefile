# make run          start everything on this machine (PORT=9000 for another port); Ctrl-C stops it
# make test         all tests; ARGS="-k seal" picks some
# make lint         style, types and import rules
# make bench        measure, some forty minutes; make bench-quick: one round, some five
# make screenshots  pictures of the pages for the documentation
# make clean        remove what was built; var/, with your data, stays

PYTHON := .venv/bin/python

.PHONY: run test lint bench bench-quick screenshots clean

run:
	@sh bootstrap.sh run
	@exec .venv/bin/crisis run

test:
	@sh bootstrap.sh dev browser postgres
	@exec $(PYTHON) -m pytest -n 4 --dist worksteal --reruns 2 --reruns-delay 1 $(ARGS)

lint:
	@sh bootstrap.sh dev
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

bench:
	@sh bootstrap.sh dev postgres
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -e '.[dev,bench]'
	@exec $(PYTHON) -m benchmarks $(ARGS)

bench-quick:
	@$(MAKE) --no-print-directory bench ARGS="--quick $(ARGS)"

screenshots:
	@sh bootstrap.sh dev browser
	@exec $(PYTHON) -m tests.screenshots $(ARGS)

clean:
	rm -rf .venv *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
