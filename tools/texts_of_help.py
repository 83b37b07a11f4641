"""
Print the texts of the commands' help as Python that xgettext reads: `make messages` does so.

The help is translated where it is shown, see `telegram_assistant.management.help_in_language`.
"""

import sys
from collections.abc import Iterator

import django
from django.core.management import get_commands, load_command_class
from django.utils.translation import override

from telegram_assistant.management.help_in_language import OF_ARGPARSE, texts

ROOMS = (
    "accounts", "albums", "crawl", "events", "graph", "media", "search", "storage_quota",
    "telegram_assistant", "vision",
)  # fmt: skip
DJANGOS = {"migrate"}
"""Commands that we only extend: their options are told in Django's words."""


def collected() -> set[str]:
    """The texts in English, whatever language argparse was made to speak in this process."""
    with override("en"):
        return set(_texts())


def _texts() -> Iterator[str]:
    yield from OF_ARGPARSE
    for name, app in sorted(get_commands().items()):
        if app in ROOMS and name not in DJANGOS:
            parser = load_command_class(app, name).create_parser("manage.py", name)
            yield from (getattr(owner, attribute) for owner, attribute in texts(parser))


def main() -> None:
    django.setup()
    for text in sorted(collected()):
        sys.stdout.write(f"_({text!r})\n")


if __name__ == "__main__":
    main()
