# Needs Python 3.11 or newer with pip and venv, and make. Nothing else is touched outside this folder.
PYTHON ?= python3
VENV ?= .venv
VENV_TRAIN ?= .venv-train
# On x86-64 PyPI's torch wheel brings several GB of CUDA; docs/install.md says how to get a CPU build.
TORCH ?= torch>=2.6,<3
TORCH_ARGS ?=

PIP_FLAGS := --disable-pip-version-check --quiet
SYSTEM_PACKAGES := ffmpeg gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
	gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly libgl1 libglib2.0-0 openssl
# Not every distribution has both.
BROWSERS := chromium-headless-shell chromium

.PHONY: help setup demo test lint setup-train test-train setup-system clean

help:
	@echo "make setup         .venv with the base install and the test tools"
	@echo "make demo          the simulated two-camera demo: out/demo.mp4 and out/demo-sheet.png"
	@echo "make test          set up, lint, run all tests"
	@echo "make lint          ruff, mypy and the import contracts"
	@echo "make setup-train   .venv-train with torch and all that training needs"
	@echo "make test-train    the tests that need torch"
	@echo "make setup-system  Debian packages that some tests need (root)"
	@echo "make clean         remove caches and out/, keep the environments"

$(VENV)/bin/python $(VENV_TRAIN)/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " \
		+ sys.version.split()[0] + ": run make PYTHON=python3.12 or similar")'
	@$(PYTHON) -m venv $(@:/bin/python=) || { echo "no venv module: on Debian, apt-get install python3-venv"; exit 1; }

$(VENV)/.installed-base: pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install $(PIP_FLAGS) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install $(PIP_FLAGS) -e '.[dev]'
	@touch $(VENV)/.installed-base $@

$(VENV_TRAIN)/.installed-train: pyproject.toml | $(VENV_TRAIN)/bin/python
	$(VENV_TRAIN)/bin/python -m pip install $(PIP_FLAGS) $(TORCH_ARGS) '$(TORCH)'
	$(VENV_TRAIN)/bin/python -m pip install $(PIP_FLAGS) -e '.[train-core,dev]'
	@touch $@

setup: $(VENV)/.installed-dev

demo: $(VENV)/.installed-base
	$(VENV)/bin/python -m stream.demo --output out

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	NO_COLOR=1 $(VENV)/bin/lint-imports --no-logo

test: lint
	$(VENV)/bin/python -m pytest

setup-train: $(VENV_TRAIN)/.installed-train

test-train: setup-train
	$(VENV_TRAIN)/bin/python -m pytest -m torch

setup-system:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			$(SYSTEM_PACKAGES) || exit 1; \
		for browser in $(BROWSERS); do \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$browser && exit; \
		done; \
		echo "none of $(BROWSERS) can be installed: tests that need a browser skip and say so"; \
	else \
		echo "not root, or no apt-get: tests that need these packages skip and say so: $(SYSTEM_PACKAGES)"; \
	fi

clean:
	rm -rf out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
