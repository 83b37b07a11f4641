"""
Long arrays as a parameter of a statement.

psycopg writes a list element by element in Python: for the rows of a batch that took longer than
PostgreSQL took to insert them. Here a whole list becomes the text of an array, as PostgreSQL reads
it; the statement has to name its type (`%s::bigint[]`). Django makes a parameter of each item of
`__in`, and both look at each of them several times: `among` gives it one array instead.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db.models.expressions import RawSQL

_NULL = "NULL"
_SHORT = 10
"""So few items are as quick as parameters, and PostgreSQL plans for just as many."""


def of_numbers(values: Iterable[int | UUID | None]) -> str:
    """An array of what needs no quotation marks: integers, UUIDs, nothing."""
    return "{" + ",".join([_NULL if value is None else str(value) for value in values]) + "}"


def of_texts(values: Iterable[str | None]) -> str:
    """An array of texts, whatever is in them; a NUL is refused by psycopg as in any other text."""
    return "{" + ",".join([_NULL if value is None else _quoted(value) for value in values]) + "}"


def among(values: Collection[str] | Collection[UUID]) -> RawSQL | list[str | UUID]:
    """What `__in` of a queryset takes for these values, which are all texts or all UUIDs."""
    if len(values) <= _SHORT:
        return list(values)
    if isinstance(next(iter(values)), UUID):
        return RawSQL("SELECT unnest(%s::uuid[])", [of_numbers(values)])  # type: ignore[arg-type]
    return RawSQL("SELECT unnest(%s::text[])", [of_texts(values)])  # type: ignore[arg-type]


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
