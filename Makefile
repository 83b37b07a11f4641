# `make` lists what there is. Two commands do all the set-up: `make demo` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
MANAGE := $(RUN) manage.py
PORT ?= 8000
# Empty: whoever is configured looks at the demo's pictures. stub: a GigaChat on this machine.
VISION ?=
DEMO_VISION_stub := ./install/with-gigachat-stub
DEMO_VISION = $(if $(VISION),$(or $(DEMO_VISION_$(VISION)),$(error VISION is empty or "stub")))

.DEFAULT_GOAL := help
.PHONY: help demo serve test check bench format migrations messages requirements sample screenshot password stop clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/base tesseract ## import the sample channel, run the pipeline, show what came out (VISION=stub)
	@$(MANAGE) migrate --verbosity 0
	@LOG_LEVEL=WARNING $(DEMO_VISION) $(MANAGE) demo

serve: $(VENV)/base tesseract ## web server and workers together, on http://127.0.0.1:$(PORT)/
	@$(MANAGE) migrate --verbosity 0
	@PORT=$(PORT) PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/honcho -f Procfile start

test: $(VENV)/dev tesseract browser ## run every test (arguments: ARGS="-k albums")
	@$(RUN) -m pytest $(ARGS)

check: $(VENV)/dev tesseract ## ruff, mypy, import contracts, missing migrations, system checks
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy .
	@PYTHONPATH=. $(VENV)/bin/lint-imports --no-cache
	@$(MANAGE) makemigrations --check --dry-run --verbosity 0
	@$(MANAGE) check --fail-level WARNING

bench: $(VENV)/dev tesseract ## measure what must hold; each figure is a ratio of one run
	@$(RUN) -m bench

format: $(VENV)/dev ## rewrite the code in the house style
	@$(VENV)/bin/ruff check --fix-only . ; $(VENV)/bin/ruff format .

migrations: $(VENV)/dev ## write migrations for changed models
	@$(MANAGE) makemigrations

messages: $(VENV)/dev ## compile the translations (telegram_assistant/locale)
	@$(RUN) -m telegram_assistant.locale.compile

requirements: $(VENV)/dev ## pin the requirements anew
	@for name in base dev; do $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links --no-header --upgrade \
	  requirements/$$name.in --output-file requirements/$$name.txt; done

sample: $(VENV)/dev ## draw the sample channel anew
	@$(RUN) -m telegram_assistant.sample.draw telegram_assistant/sample/ChatExport_2026-11-01

screenshot: $(VENV)/dev tesseract browser ## take the pictures of the README anew
	@$(RUN) -m tools.screenshot

password: $(VENV)/base ## give the admin user a new password
	@$(MANAGE) changepassword admin

stop: ## stop the embedded PostgreSQL
	@$(MANAGE) local stop

clean: ## forget the virtual environment (var/, where your data is, stays)
	@rm -rf $(VENV)

.PHONY: tesseract browser
tesseract:
	@./install/packages tesseract tesseract-ocr tesseract-ocr-rus tesseract-ocr-eng

browser:
	@./install/packages chromium chromium chromium-driver fonts-dejavu-core \
	  || echo "Without Chromium the tests of the console in a browser are skipped." >&2

$(VENV)/base: requirements/base.txt
	@./install/venv "$(PYTHON)" "$(VENV)" base

$(VENV)/dev: requirements/dev.txt
	@./install/venv "$(PYTHON)" "$(VENV)" dev
