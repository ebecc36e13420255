# make run    serve the page         make test   the whole suite, browser included
# make check  lint and types         make pack   train Storybook     make bench   measure the engine
# make quick  the tests without browser, training and Ray
# The first run of each sets up .venv; later ones start at once.

# The first of these that runs and is new enough; a name on the path alone does not mean that it does.
PYTHON ?= $(shell for python in python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
PRESET ?= small

.PHONY: run test quick check pack bench browser

run: .venv/runtime
	@$(BIN)/python app.py

test: .venv/development browser
	$(BIN)/python -m pytest

quick: .venv/development
	$(BIN)/python -m pytest -m "not slow"

check: .venv/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pack: .venv/runtime
	$(BIN)/python -m storybook.pack --preset $(PRESET)

# make bench COMPARE="HEAD~10 HEAD" compares two commits instead.
bench: .venv/development
	$(BIN)/python -m $(if $(COMPARE),benchmarks.compare $(COMPARE),benchmarks.serving)

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Latent Studio needs Python 3.11 or newer." >&2; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; echo "On Debian: apt-get install python3-venv" >&2; exit 1; }

.venv/runtime: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/development: $(wildcard requirements*.txt) | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ .venv/runtime

# The browser tests drive a Chromium: the system's, Debian's if it can be installed, else Playwright's own.
browser: .venv/development
	@{ command -v chromium-headless-shell || command -v chromium || command -v google-chrome; } >/dev/null \
	|| { command -v apt-get >/dev/null && scripts/install-chromium; } \
	|| $(BIN)/python -m playwright install chromium
