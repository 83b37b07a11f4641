"""Racing on purpose: works that start at one moment, each on a connection of its own."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from django.db import connection, connections
from django.db.backends.postgresql.base import DatabaseWrapper

from events.workers import liveness
from tests import database

Work = Callable[[], object]


def together(*works: Work) -> list[Exception]:
    """Run each in a thread of its own; what they raised."""
    start, raised = threading.Barrier(len(works)), []

    def run(work: Work) -> None:
        try:
            start.wait()
            work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test says what it expected
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def in_threads(*works: Work) -> None:
    """The same, where nothing may be raised."""
    for error in together(*works):
        raise error


@contextmanager
def count_connections(opened: list[object]) -> Iterator[None]:
    """Add each connection that a thread of this process opens with Django."""
    connect = DatabaseWrapper.connect

    def counted(wrapper: DatabaseWrapper) -> None:
        opened.append(wrapper)
        connect(wrapper)

    with patch.object(DatabaseWrapper, "connect", counted):
        yield


def wait_until_one_is_blocked() -> None:
    """Until a connection to this database waits for the lock of another one."""
    for _ in range(1000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # of this transaction
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone() != (0,):
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


def wait_for_backends() -> None:
    """PostgreSQL notices a killed client when it next talks to it; its locks go then."""
    liveness.stop()  # a connection of this process
    database.forget()  # and another one
    for _ in range(100):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid()"
            )
            if cursor.fetchone() == (0,):
                return
        time.sleep(0.1)
    raise AssertionError("connections of killed workers are still open")


def end_all_backends() -> None:
    """What a restart of PostgreSQL does to its clients; also to those that only wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
