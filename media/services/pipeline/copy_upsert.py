"""
Write many rows in one statement.

`bulk_create` hands PostgreSQL one array per column, and psycopg escapes every text of an
array in Python: for posts that was the dearest part of an import. COPY into a table of
this transaction, and from there, costs a third of it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.db import connection
from django.db.models import JSONField, Model

_STAGING = "bulk_staging"
_encode = json.JSONEncoder(ensure_ascii=False).encode


def upsert(
    model: type[Model],
    rows: Sequence[object],
    *,
    columns: Sequence[str],
    stamps: Mapping[str, datetime],
    unique: Sequence[str],
    update: Sequence[str],
) -> None:
    """
    Insert `rows`; where `unique` is taken already, set the `update` fields.

    `columns` are attributes of each row and, by the same name, of the model; `stamps` are
    columns that are the same in all rows.
    """
    if not rows:
        return
    meta = model._meta  # noqa: SLF001 - public by Django's documentation
    by_attname = {field.attname: field for field in meta.concrete_fields}
    given = [by_attname[name] for name in columns]
    stamped = [meta.get_field(name) for name in stamps]
    changes = ", ".join(
        f"{_quoted(f)} = excluded.{_quoted(f)}" for f in map(meta.get_field, update)
    )
    table, names = connection.ops.quote_name(meta.db_table), _list(given)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE {_STAGING} ON COMMIT DROP AS"  # noqa: S608 - names of the model, quoted
            f" SELECT {names} FROM {table} WITH NO DATA"
        )
        with (
            connection.wrap_database_errors,
            cursor.copy(f"COPY {_STAGING} ({names}) FROM STDIN") as copy,
        ):
            for line in _lines(rows, given):
                copy.write_row(line)
        cursor.execute(
            f"INSERT INTO {table} ({names}, {_list(stamped)})"  # noqa: S608 - names of the model, quoted
            f" SELECT {names}, {', '.join(['%s'] * len(stamped))} FROM {_STAGING}"
            f" ON CONFLICT ({_list(map(meta.get_field, unique))}) DO UPDATE SET {changes}",
            list(stamps.values()),
        )
        cursor.execute(f"DROP TABLE {_STAGING}")


def _lines(rows: Sequence[object], fields: Sequence[Any]) -> Iterator[list[Any]]:
    values = attrgetter(*(field.attname for field in fields))
    documents = [number for number, field in enumerate(fields) if isinstance(field, JSONField)]
    for row in rows:
        line = list(values(row))
        for number in documents:
            line[number] = _as_json(line[number])
        yield line


def _as_json(value: Any) -> str:
    """Most documents of posts are empty."""
    return _encode(value) if value else ("[]" if isinstance(value, list) else "{}")


def _list(fields: Iterable[Any]) -> str:
    return ", ".join(_quoted(field) for field in fields)


def _quoted(field: Any) -> str:
    return connection.ops.quote_name(field.column)
