"""
Long arrays as a parameter of a statement.

psycopg writes a list element by element in Python: for the rows of a batch that took longer than
PostgreSQL took to insert them. Here a whole list becomes the text of an array, as PostgreSQL reads
it; the statement has to name its type (`%s::bigint[]`).
"""

from collections.abc import Iterable
from uuid import UUID

_NULL = "NULL"


def of_numbers(values: Iterable[int | UUID | None]) -> str:
    """An array of what needs no quotation marks: integers, UUIDs, nothing."""
    return "{" + ",".join([_NULL if value is None else str(value) for value in values]) + "}"


def of_texts(values: Iterable[str | None]) -> str:
    """An array of texts, whatever is in them; a NUL is refused by psycopg as in any other text."""
    return "{" + ",".join([_NULL if value is None else _quoted(value) for value in values]) + "}"


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
