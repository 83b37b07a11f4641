"""The product's settings with the probe beside the rooms."""

from telegram_assistant.settings import *  # noqa: F403 - all of them
from telegram_assistant.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.acceptance.probe.apps.ProbeConfig"]
