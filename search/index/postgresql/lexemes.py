"""Lexemes as PostgreSQL writes them."""

from collections.abc import Iterable


def any_of(lexemes: Iterable[str]) -> str:
    """A tsquery that matches any of the lexemes, in its text form."""
    return " | ".join(map(quoted, lexemes))


def quoted(lexeme: str) -> str:
    """A lexeme as a tsquery: nothing in it is an operator."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
