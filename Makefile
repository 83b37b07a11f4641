# `make` lists the targets. `make demo` and `make test` install everything they need.
SHELL := /bin/bash
# Empty: python3, or the system's where that is clearly faster.
PYTHON ?=
VENV := .venv
RUN := $(VENV)/bin/python
MANAGE := $(RUN) manage.py
PORT ?= 8000
# Empty: the configured provider analyzes the demo's pictures. stub: a GigaChat stub on this machine.
VISION ?=
DEMO_VISION_stub := ./install/with-gigachat-stub
DEMO_VISION = $(if $(VISION),$(or $(DEMO_VISION_$(VISION)),$(error VISION is empty or "stub")))

# Two processes more than there are cores, since many tests wait. Five are the most: each has a
# PostgreSQL and Tesseract to feed.
SIDE_BY_SIDE := --numprocesses=$(shell cores=$$(nproc); echo $$((cores < 4 ? cores + 2 : 5)))

.DEFAULT_GOAL := help
.PHONY: help demo serve test unit long check bench format migrations messages requirements sample password stop clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/base tesseract ## import the sample channel, process it, show the result (VISION=stub)
	@$(MANAGE) migrate --verbosity 0
	@LOG_LEVEL=WARNING $(DEMO_VISION) $(MANAGE) demo

serve: $(VENV)/base tesseract ## web server and workers together, on http://127.0.0.1:$(PORT)/
	@$(MANAGE) migrate --verbosity 0
	@# Not the processes but honcho writes to the terminal, so they cannot see that there is one.
	@LOG_FORMAT=$${LOG_FORMAT:-$$([ -t 1 ] && echo text || echo auto)} \
	  PORT=$(PORT) PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(RUN) install/serve -f Procfile start

test: $(VENV)/dev tesseract browser ## run every test but the long ones (arguments: ARGS="-k albums")
	@# The tests start some two hundred processes: what is compiled once starts faster.
	@env -u PYTHONDONTWRITEBYTECODE $(RUN) -m pytest $(SIDE_BY_SIDE) $(ARGS)

unit: $(VENV)/dev tesseract ## run the quick tests that need no database
	@$(RUN) -m pytest $(SIDE_BY_SIDE) --dist=worksteal -m "not real_data and not slow and not long" tests/unit $(ARGS)

long: $(VENV)/dev tesseract ## run the tests that take minutes or gigabytes (arguments: ARGS="-k chaos")
	@TEST_ALL_EXAMPLES=1 $(RUN) -m pytest -m "long or hypothesis" $(ARGS)

check: $(VENV)/dev tesseract ## ruff, mypy, import contracts, missing migrations, system checks
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy .
	@PYTHONPATH=. $(VENV)/bin/lint-imports --no-cache
	@$(MANAGE) makemigrations --check --dry-run --verbosity 0
	@$(MANAGE) check --fail-level WARNING

bench: $(VENV)/dev tesseract ## measure performance; each figure is a ratio within one run
	@$(RUN) -m bench

format: $(VENV)/dev ## rewrite the code in the house style
	@$(VENV)/bin/ruff check --fix-only . ; $(VENV)/bin/ruff format .

migrations: $(VENV)/dev ## write migrations for changed models
	@$(MANAGE) makemigrations

CATALOG := telegram_assistant/locale/ru/LC_MESSAGES/django.po
messages: $(VENV)/dev gettext ## collect the texts to translate, compile the translations
	@# The texts of the commands' help stand in no call that xgettext knows.
	@DJANGO_SETTINGS_MODULE=telegram_assistant.settings $(RUN) -m tools.texts_of_help > texts_of_help.py
	@$(MANAGE) makemessages --verbosity 0 --locale ru --no-location --no-obsolete --no-wrap \
	  $(addprefix --ignore ,tests bench tools var .venv); status=$$?; rm texts_of_help.py; exit $$status
	@# Sorted by text, an entry stays where it is when code moves; the date would change each time.
	@msgattrib --sort-output --no-wrap $(CATALOG) | sed '/^"POT-Creation-Date:/d' > $(CATALOG).new
	@mv $(CATALOG).new $(CATALOG)
	@$(MANAGE) compilemessages --verbosity 0 --locale ru --ignore .venv

requirements: $(VENV)/dev ## pin the newest versions of the requirements
	@for name in base qdrant graph graph-embedded dev fastembed mcp; do $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links --no-header --upgrade \
	  requirements/$$name.in --output-file requirements/$$name.txt; done

sample: $(VENV)/dev ## draw the sample channel again
	@$(RUN) -m tools.sample_channel.draw telegram_assistant/sample

password: $(VENV)/base ## set a new password for the admin user
	@$(MANAGE) changepassword admin

stop: ## stop the embedded PostgreSQL
	@$(MANAGE) local stop

.PHONY: screenshot
screenshot: $(VENV)/dev tesseract browser ## take the pictures of the README anew
	@$(RUN) -m tools.screenshot

clean: ## delete the virtual environment (your data in var/ is kept)
	@rm -rf $(VENV)

.PHONY: tesseract browser gettext
tesseract:
	@./install/packages tesseract tesseract-ocr tesseract-ocr-rus tesseract-ocr-eng

gettext:
	@./install/packages msgfmt gettext

browser:
	@./install/packages chromium chromium chromium-driver fonts-dejavu-core \
	  || echo "Without Chromium the tests of the console in a browser are skipped." >&2

# By content: code that is unpacked over older one may be older than the environment, by its files' times.
$(VENV)/base $(VENV)/dev: $(VENV)/%: FORCE
	@cmp -s requirements/$*.txt $@ || ./install/venv "$(or $(PYTHON),$$(./install/python))" "$(VENV)" $*
.PHONY: FORCE
FORCE:
