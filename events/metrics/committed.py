"""Counting what a transaction does only once it is committed."""

from collections.abc import Callable

from django.db import transaction


def count_when_committed(count: Callable[[], None]) -> None:
    """
    Call `count` once the transaction and those around it are committed; a rollback counts nothing.

    Should it fail, the log says so, and whoever commits does not take it for a failure of the rest.
    """
    transaction.on_commit(count, robust=True)
