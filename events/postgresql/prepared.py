"""
Querysets that are compiled once a process: what a hot statement costs Django every time.

To make the SQL of a queryset takes some two milliseconds of the processor, its execution a tenth of
that. The text is always the same, so only the values are put in their places.
"""

from collections.abc import Callable, Iterable
from copy import copy
from threading import Lock
from types import SimpleNamespace
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import QuerySet
from django.db.models.query import ModelIterable

from events.postgresql.one_trip import Rows, Statement, fetch, require_transaction


class Prepared:
    """
    The statement of the queryset that `build(**values)` makes.

    It must be the same for all values: each goes as it is into parameters, so none is None or a
    limit, and lists, whose items are parameters, are of one length. `samples` are values of the same
    types, unlike each other and any constant: by them parameters are recognized. ValueError where
    one is not found; TransactionManagementError where rows are to be locked outside a transaction.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], **samples: Any) -> None:
        self._build: Final = build
        self._samples: Final = samples
        self._compiling: Final = Lock()
        self._compiled: _Compiled | None = None

    def statement(self, **values: Any) -> Statement:
        """SQL and parameters, for `one_trip`."""
        compiled = self._known()
        return compiled.sql, compiled.parameters(values)

    def rows(self, **values: Any) -> Rows:
        """Execute; of the columns come what the database returns for them."""
        return fetch(self.statement(**values))[0]

    def objects(self, **values: Any) -> Iterable[Any]:
        """Execute; the objects of a queryset of objects, with what it annotates and joins."""
        compiled = self._known()
        require_transaction(compiled.sql)
        bound: Any = copy(compiled.compiler)
        bound.connection = connections[DEFAULT_DB_ALIAS]  # one of this thread
        bound.as_sql = lambda: (compiled.sql, compiled.parameters(values))
        query = SimpleNamespace(get_compiler=lambda **_: bound)
        # All that is asked of a queryset by what makes objects of its rows.
        stand_in: Any = SimpleNamespace(db=DEFAULT_DB_ALIAS, query=query, _known_related_objects={})
        return ModelIterable(stand_in)

    def _known(self) -> "_Compiled":
        if self._compiled is None:
            with self._compiling:
                self._compiled = self._compiled or _Compiled(self._build, self._samples)
        return self._compiled


class _Compiled:
    def __init__(self, build: Callable[..., QuerySet[Any, Any]], samples: dict[str, Any]) -> None:
        self.compiler = build(**samples).query.get_compiler(DEFAULT_DB_ALIAS)
        self.sql, given = self.compiler.as_sql()
        named = _by_name(samples)
        # Of each parameter its name, or None and the value that it always has.
        self._places = [(_name_of(value, named), value) for value in given]
        if missing := named.keys() - {name for name, _ in self._places}:
            raise ValueError(f"no parameter of the statement: {sorted(missing)}")

    def parameters(self, values: dict[str, Any]) -> list[Any]:
        named = _by_name(values)
        return [constant if name is None else named[name] for name, constant in self._places]


def _by_name(values: dict[str, Any]) -> dict[str, Any]:
    """The values, and of a list each of its items."""
    found = {}
    for name, value in values.items():
        items = enumerate(value) if isinstance(value, list) else ()
        found.update({f"{name}[{n}]": item for n, item in items} or {name: value})
    return found


def _name_of(value: Any, named: dict[str, Any]) -> str | None:
    return next((name for name, sample in named.items() if value == sample), None)
