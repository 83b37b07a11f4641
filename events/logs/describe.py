"""
An error in words that may stand in a log, in a row and in an answer.

What an error says of itself may repeat what it was about: PostgreSQL adds the failing row,
pydantic the value that it refuses, and both may be somebody's message.
"""

import re
from collections.abc import Iterator
from typing import Final

from django.db import Error as DatabaseError
from psycopg import Error as PsycopgError
from pydantic import ValidationError

from events.logs.redaction import redact

CHARS: Final = 500
"""Characters of a description at most."""

_ROW: Final = re.compile(r"\s*\n(?:DETAIL|CONTEXT|HINT|LINE \d+|QUERY|STATEMENT):.*", re.DOTALL)
"""Where PostgreSQL's own sentence ends, and what the statement was about begins."""
_NAME: Final = re.compile(r"'[A-Za-z_][A-Za-z0-9_.-]{0,39}'")
_REFUSED_VALUE: Final = re.compile(r'("[^"]{64,}"|(?<=: )"[^"]*"$)', re.DOTALL)
"""A value that PostgreSQL quotes in its sentence: a long one, or the one at its end."""


def describe(error: BaseException) -> str:
    """What is wrong, in at most CHARS characters; never the value or the row it is about."""
    if isinstance(error, ValidationError):
        text = _refusals(error)
    elif isinstance(error, DatabaseError | PsycopgError):
        text = _REFUSED_VALUE.sub('"…"', _ROW.sub("", str(error)).strip())
    elif isinstance(error, KeyError):
        text = str(error) if _NAME.fullmatch(str(error)) else ""  # it is made of the key alone
    elif hasattr(error, "content"):  # of an SDK: what a server answered
        text = f"{type(error).__name__}: HTTP {getattr(error, 'status_code', '?')}"
    else:
        text = str(error).strip()
    return redact(text or type(error).__name__)[:CHARS]


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that led to it, as Python would show them; each once."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)


def _refusals(error: ValidationError) -> str:
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    return str(problems)
