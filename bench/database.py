"""A database of the bench's own on the embedded PostgreSQL, with durable commits."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import django
from django.core.management import call_command
from django.db import connections


def setup() -> None:
    """Before any model is imported."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telegram_assistant.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    django.setup()


@contextmanager
def fresh() -> Iterator[str]:
    """A migrated, empty database; its name. It is dropped at the end."""
    connection = connections["default"]
    creation = connection.creation
    original = connection.settings_dict["NAME"]
    name = creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield name
    finally:
        connections.close_all()
        _end_sessions(name)
        creation.destroy_test_db(original, verbosity=0)


def _end_sessions(name: str) -> None:
    """End what other connections of this process are left, such as that of its worker's lock."""
    with connections["default"]._nodb_cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )


def empty(*tables: str) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")


def analyze() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def migrate() -> None:
    call_command("migrate", verbosity=0)
