"""Transactions that are taken back, within which the product may begin its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction


@contextmanager
def taken_back() -> Iterator[None]:
    """Undo at the end what is written inside; may stand in another one of its kind."""
    block = transaction.atomic()
    block._from_testcase = True  # as those of Django's own tests: durable blocks may begin in it
    with block:
        yield
        transaction.set_rollback(True)
