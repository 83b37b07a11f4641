"""Read ahead: the next batch is decoded while PostgreSQL and the store work on those before it."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from typing import TypeVar

Item = TypeVar("Item")


def read_ahead(items: Generator[Item, None, None]) -> Generator[Item, None, None]:
    """
    Yield the same items, each made by a thread while the caller works on the one before.

    The thread touches no database. What it raises is raised here, at the place of that item.
    """
    end = object()
    with closing(items), ThreadPoolExecutor(1, thread_name_prefix="read") as pool:
        upcoming = pool.submit(next, items, end)
        try:
            while (item := upcoming.result()) is not end:
                upcoming = pool.submit(next, items, end)
                yield item  # type: ignore[misc]  # the end is none of the items
        finally:
            wait([upcoming])  # a generator cannot be closed while it runs
