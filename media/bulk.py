"""
Write many rows in one statement.

`bulk_create` hands PostgreSQL one array per column, and psycopg escapes every text of an
array in Python: for posts that was the dearest part of an import. One JSON document costs
a fifth of it.
"""

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import Model


def upsert(rows: Sequence[Model], *, unique: Sequence[str], update: Sequence[str]) -> None:
    """Insert `rows` of one model; where `unique` is taken already, set the `update` fields."""
    if not rows:
        return
    meta = rows[0]._meta  # noqa: SLF001 - public by Django's documentation
    fields = [field for field in meta.concrete_fields if not field.generated]
    for field in fields:
        if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
            for row in rows:
                field.pre_save(row, add=True)
    names = [(field.column, field.attname) for field in fields]
    # Ids and times become text, which PostgreSQL reads back by the column's type.
    document = json.dumps(
        [{column: getattr(row, name) for column, name in names} for row in rows],
        ensure_ascii=False,
        default=str,
    )
    columns = ", ".join(_quoted(f) for f in fields)
    changes = ", ".join(
        f"{_quoted(f)} = excluded.{_quoted(f)}" for f in map(meta.get_field, update)
    )
    keys = ", ".join(_quoted(f) for f in map(meta.get_field, unique))
    table = connection.ops.quote_name(meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns})"  # noqa: S608 - names of the model, quoted
            f" SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s)"
            f" ON CONFLICT ({keys}) DO UPDATE SET {changes}",
            [document],
        )


def _quoted(field: Any) -> str:
    return connection.ops.quote_name(field.column)
