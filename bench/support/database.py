"""
A database of the bench's own on the embedded PostgreSQL, with durable commits.

In a run of `make bench` the migrations are run once: each bench copies what they made.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

TEMPLATE = "BENCH_TEMPLATE"
"""Variable: the migrated database that is copied."""


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
    if template := os.environ.get(TEMPLATE):
        name = creation._get_test_db_name()
        _copy(template, name)
        settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
    else:
        name = creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield name
    finally:
        connections.close_all()
        _end_sessions(name)
        creation.destroy_test_db(original, verbosity=0)


@contextmanager
def template() -> Iterator[None]:
    """Have the benches that are started inside copy one migrated database."""
    connections["default"].settings_dict["TEST"]["NAME"] = "bench_template"
    with fresh() as name:
        connections.close_all()  # one with connections cannot be copied
        os.environ[TEMPLATE] = name
        try:
            yield
        finally:
            del os.environ[TEMPLATE]


@contextmanager
def kept(name: str) -> Iterator[str]:
    """A migrated database that stays for the next run; its name."""
    connection = connections["default"]
    original = connection.settings_dict["NAME"]
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() == (0,):
            cursor.execute(f"CREATE DATABASE {name}")
    connection.settings_dict["NAME"] = name
    try:
        migrate()
        yield name
    finally:
        connections.close_all()
        connection.settings_dict["NAME"] = original


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


@contextmanager
def copy_of(name: str) -> Iterator[BaseDatabaseWrapper]:
    """Open a separate connection to a copy of the database `name`."""
    copy = f"{name}_full"
    _copy(name, copy)
    current = connections["default"]
    wrapper = type(current)({**current.settings_dict, "NAME": copy}, "default")
    try:
        yield wrapper
    finally:
        wrapper.close()
        _administer(f"DROP DATABASE {copy}")


def _copy(name: str, copy: str) -> None:
    _administer(f"DROP DATABASE IF EXISTS {copy}", f"CREATE DATABASE {copy} TEMPLATE {name}")


def _administer(*statements: str) -> None:
    """Execute in another database: one with connections can be neither copied nor dropped."""
    connections["default"].close()
    with connections["default"]._nodb_cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def on(wrapper: BaseDatabaseWrapper) -> Iterator[None]:
    """Use the database of `wrapper` inside the block."""
    before = connections["default"]
    connections["default"] = wrapper
    try:
        yield
    finally:
        connections["default"] = before
