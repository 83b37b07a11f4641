"""
Insert many rows with COPY, or insert and update them.

`bulk_create` sends PostgreSQL one array per column, and psycopg escapes every text of an
array in Python: for posts that was the most expensive part of an import. COPY into a temporary
table and one INSERT from there cost a third of it, COPY into the table itself half of that again.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import orjson
from django.db import IntegrityError, connection, transaction
from django.db.models import AutoField, JSONField, Model
from psycopg.errors import UniqueViolation

from events.postgresql import one_trip

_STAGING = "bulk_staging"
_encode = json.JSONEncoder(ensure_ascii=False).encode


def insert(
    model: type[Model],
    rows: Sequence[object],
    *,
    columns: Sequence[str] | None = None,
    stamps: Mapping[str, datetime] | None = None,
) -> None:
    """
    Insert `rows`, none of which may exist. Columns and stamps as in `upsert`; without `columns`
    every one of the model that the database does not fill by itself.
    """
    if not rows:
        return
    if columns is None and not stamps and len(rows) == 1 and isinstance(rows[0], model):
        one_trip.fetch(one_trip.insert(rows[0]))  # COPY takes three round trips
        return
    meta, same = model._meta, stamps or {}  # noqa: SLF001 - public by Django's documentation
    given = _given_by_rows(meta) if columns is None else _fields(meta, columns)
    names = _names([*given, *map(meta.get_field, same)])
    with connection.cursor() as cursor:
        _copy(
            cursor,
            _encoded(rows, given, same),
            into=f"{connection.ops.quote_name(meta.db_table)} ({names})",
        )


def insert_missing(model: type[Model], rows: Sequence[object], *, columns: Sequence[str]) -> None:
    """Insert those of `rows` that do not exist; nearly all of them should be missing."""
    try:
        with transaction.atomic():
            insert(model, rows, columns=columns)
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        # COPY leaves nothing out. This does, and costs several times as much.
        instances = [model(**{name: getattr(row, name) for name in columns}) for row in rows]
        model._default_manager.bulk_create(instances, ignore_conflicts=True)  # noqa: SLF001 - documented


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
    Insert `rows`; where a row with the same `unique` fields exists, set its `update` fields.

    `columns` are attributes of each row and, by the same name, of the model; `stamps` are
    columns that are the same in all rows.
    """
    if not rows:
        return
    meta = model._meta  # noqa: SLF001 - public by Django's documentation
    given = _fields(meta, columns)
    with connection.cursor() as cursor:
        _copy_to_staging(cursor, meta, given, rows)
        _insert_from_staging(cursor, meta, given, stamps=stamps, unique=unique, update=update)
        # Dropped now, not at the commit: one transaction may upsert twice.
        cursor.execute(f"DROP TABLE {_STAGING}")


def _copy_to_staging(cursor: Any, meta: Any, given: Sequence[Any], rows: Sequence[object]) -> None:
    names = _names(given)
    # COPY cannot update, hence the detour by a table that ends with the transaction.
    cursor.execute(
        f"CREATE TEMP TABLE {_STAGING} ON COMMIT DROP AS"  # noqa: S608 - names of the model, quoted
        f" SELECT {names} FROM {connection.ops.quote_name(meta.db_table)} WITH NO DATA"
    )
    _copy(cursor, _encoded(rows, given, {}), into=f"{_STAGING} ({names})")


def _copy(cursor: Any, rows: Iterable[list[Any]], *, into: str) -> None:
    with connection.wrap_database_errors, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _insert_from_staging(
    cursor: Any,
    meta: Any,
    given: Sequence[Any],
    *,
    stamps: Mapping[str, datetime],
    unique: Sequence[str],
    update: Sequence[str],
) -> None:
    table, names = connection.ops.quote_name(meta.db_table), _names(given)
    stamped = _names(meta.get_field(name) for name in stamps)
    changed = [_quoted_name(meta.get_field(name)) for name in update]
    changes = ", ".join(f"{name} = excluded.{name}" for name in changed)
    cursor.execute(
        f"INSERT INTO {table} ({names}, {stamped})"  # noqa: S608 - names of the model, quoted
        f" SELECT {names}, {', '.join(['%s'] * len(stamps))} FROM {_STAGING}"
        f" ON CONFLICT ({_names(map(meta.get_field, unique))}) DO UPDATE SET {changes}",
        list(stamps.values()),
    )


def _given_by_rows(meta: Any) -> list[Any]:
    return [
        field
        for field in meta.concrete_fields
        if not field.generated and not isinstance(field, AutoField)
    ]


def _fields(meta: Any, attnames: Iterable[str]) -> list[Any]:
    by_attname = {field.attname: field for field in meta.concrete_fields}
    return [by_attname[name] for name in attnames]


def _encoded(
    rows: Sequence[object], fields: Sequence[Any], stamps: Mapping[str, datetime]
) -> Iterator[list[Any]]:
    """The values of each row, JSON columns as text, and then the stamps."""
    get_values = attrgetter(*(field.attname for field in fields))
    json_columns = [number for number, field in enumerate(fields) if isinstance(field, JSONField)]
    same = [stamp.isoformat() for stamp in stamps.values()]  # written once, not for each row
    for row in rows:
        values = [*get_values(row), *same]
        for number in json_columns:
            values[number] = _as_json(values[number])
        yield values


def _as_json(value: Any) -> str:
    """Encode a JSON value; most of those of posts are empty, which needs no encoder."""
    if not value:
        return "[]" if isinstance(value, list) else "{}"
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer of more than 64 bits, or a value that is nested very deeply
        return _encode(value)


def _names(fields: Iterable[Any]) -> str:
    return ", ".join(_quoted_name(field) for field in fields)


def _quoted_name(field: Any) -> str:
    return connection.ops.quote_name(field.column)
