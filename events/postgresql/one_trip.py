"""
Several statements in one round trip to PostgreSQL.

What others wait for, such as a lock, is held for as long as its holder's statements take, and a
thread of a busy process waits for its turn after each answer: ten statements, ten turns.

Django compiles the statement of a queryset anew each time, which takes several times as long as to
send it. What each batch of an import needs is written in SQL instead (`every`, `locked`).
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model, QuerySet
from django.db.models.sql import InsertQuery
from django.db.transaction import TransactionManagementError

from events.postgresql.advisory_locks import key_of

M = TypeVar("M", bound=Model)

Statement = tuple[str, Sequence[Any]]
"""SQL with its parameters, without a semicolon at the end."""
Rows = list[tuple[Any, ...]]
_LOCKS = re.compile(r"\bFOR (NO KEY )?UPDATE\b")


def fetch(*statements: Statement) -> list[Rows]:
    """
    Execute the statements in order and return the rows of each, none for one that returns none.

    Each sees what was committed before it began, as if it were sent alone: what is read after a
    lock is what the last holder left. Outside a transaction they are one together, and none may
    lock rows: TransactionManagementError.
    """
    for sql, _ in statements:
        require_transaction(sql)
    values = [value for _, given in statements for value in given]
    with connection.cursor() as cursor:
        cursor.execute("; ".join(sql for sql, _ in statements), values)
        found = [_rows(cursor)]
        while cursor.nextset():
            found.append(_rows(cursor))
    return found


def require_transaction(sql: str) -> None:
    """
    Raise TransactionManagementError if it locks rows, and no transaction is open.

    Django asks that of a queryset that it compiles; a lock would end with its statement.
    """
    if not connection.in_atomic_block and _LOCKS.search(sql):
        raise TransactionManagementError("a statement that locks rows needs an open transaction")


def select(rows: QuerySet[Any, Any]) -> Statement:
    """The statement of a queryset; of its columns come what the database returns for them."""
    sql, values = rows.query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
    return sql, values


def insert(row: Model) -> Statement:
    """The statement that inserts a row whose key is not made by the database."""
    query = InsertQuery(type(row))
    query.insert_values([field for field in _fields(type(row)) if not field.generated], [row])
    [(sql, values)] = query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
    return sql, values


@cache
def every(model: type[Model]) -> str:
    """SELECT all columns of a model, as `objects` takes them; the caller adds which rows."""
    names = ", ".join(_quoted(field.column) for field in _fields(model))
    return f"SELECT {names} FROM {_table(model)}"  # noqa: S608 - names of the model, quoted


def locked(model: type[Model], pk: object, *then: Statement) -> list[Rows]:
    """
    Lock a row to the end of the transaction; return the rows of what is executed `then`.

    Raises DoesNotExist where there is no such row: the caller's transaction ends by that.
    """
    key = _quoted(str(model._meta.pk.column))  # noqa: SLF001 - public by Django's documentation
    sql = f"SELECT 1 FROM {_table(model)} WHERE {key} = %s FOR UPDATE"  # noqa: S608 - see `every`
    found, *rest = fetch((sql, [pk]), *then)
    if not found:
        raise model.DoesNotExist(f"no {model.__name__} {pk}")  # type: ignore[attr-defined]  # all have
    return rest


def objects(model: type[M], rows: Rows, *, without: Sequence[str] = ()) -> list[M]:
    """
    The objects of a statement that `select` made of a queryset of the model.

    `without` are the columns that it defers; what it annotates is left out. Not for a model whose
    columns Django converts, such as those of JSON, unless they are deferred.
    """
    columns = [field.attname for field in _fields(model) if field.attname not in without]
    return [model.from_db(DEFAULT_DB_ALIAS, columns, row[: len(columns)]) for row in rows]


def turn(name: str) -> Statement:
    """The statement that waits for the advisory lock of this name, for this transaction."""
    return "SELECT pg_advisory_xact_lock(%s)::text", [key_of(name)]


def _fields(model: type[Model]) -> Sequence[Any]:
    return model._meta.concrete_fields  # noqa: SLF001 - public by Django's documentation


def _table(model: type[Model]) -> str:
    return _quoted(model._meta.db_table)  # noqa: SLF001 - public by Django's documentation


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def _rows(cursor: Any) -> Rows:
    return list(cursor.fetchall()) if cursor.description else []
