"""Help of commands in the reader's language; in the code it stands in English, as argparse has its own words."""

import argparse
from collections.abc import Iterator
from typing import Any, Final

from django.core.management import BaseCommand
from django.utils.translation import gettext, ngettext

OF_ARGPARSE: Final = (
    "usage: ",
    "%(prog)s: error: %(message)s\n",
    "the following arguments are required: %s",
    "unrecognized arguments: %s",
    "invalid choice: %(value)r (choose from %(choices)s)",
    "argument %(argument_name)s: %(message)s",
    "expected one argument",
    "expected at least one argument",
    "not allowed with argument %s",
    "one of the arguments %s is required",
    "invalid %(type)s value: %(value)r",
    "ambiguous option: %(option)s could match %(matches)s",
)
"""What it says itself, of what people meet here."""


def translate_help(command: BaseCommand) -> None:
    """Let the parser that this command makes speak the reader's language, subcommands too."""
    make = command.create_parser

    def create_parser(*args: Any, **options: Any) -> argparse.ArgumentParser:
        parser = make(*args, **options)
        for owner, name in texts(parser):
            setattr(owner, name, gettext(getattr(owner, name)))
        return parser

    vars(command)["create_parser"] = create_parser
    vars(argparse).update(_=gettext, ngettext=ngettext)


def texts(parser: argparse.ArgumentParser) -> Iterator[tuple[object, str]]:
    """Where the texts of a parser stand, as owner and name of the attribute."""
    places: list[tuple[object, str]] = [(parser, "description")]
    places += [(group, "title") for group in parser._action_groups]  # noqa: SLF001 - no public way
    for action in parser._actions:  # noqa: SLF001 - see above
        places.append((action, "help"))
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - see above
            places += [(choice, "help") for choice in action._choices_actions]  # noqa: SLF001
            for part in action.choices.values():
                yield from texts(part)
    for owner, name in places:
        if getattr(owner, name) not in {None, "", argparse.SUPPRESS}:
            yield owner, name
