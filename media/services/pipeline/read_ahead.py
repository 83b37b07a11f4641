"""Read ahead: the next batch is decoded while PostgreSQL and the store work on those before it."""

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

Item = TypeVar("Item")


class ReadAhead(Generic[Item]):
    """
    Give the same items, each made by a thread, which touches no database.

    The caller says by `begin` when it will wait for others anyway: Python runs one thread at a
    time, so what is decoded while the caller computes only delays it, and what is left for the
    time in which it waits costs nothing. Without `begin` an item is made when it is asked for.
    What the thread raises is raised at the place of that item. Close it in the end.
    """

    def __init__(self, items: Generator[Item, None, None]) -> None:
        self._items = items
        self._end = object()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="read")
        self._upcoming: Future[object] | None = None
        self._is_closed = False

    def __iter__(self) -> "ReadAhead[Item]":
        return self

    def __next__(self) -> Item:
        upcoming, self._upcoming = self._begun(), None
        try:
            item = upcoming.result()
        except BaseException:
            self.close()
            raise
        if item is self._end:
            self.close()
            raise StopIteration
        return item  # type: ignore[return-value]  # the end is none of the items

    def begin(self) -> None:
        """Begin to make the next item, unless that has begun already."""
        if not self._is_closed:
            self._begun()

    def _begun(self) -> "Future[object]":
        if self._is_closed:
            raise StopIteration
        if self._upcoming is None:
            self._upcoming = self._pool.submit(next, self._items, self._end)
        return self._upcoming

    def close(self) -> None:
        """Close the items, after the one that is being made; at their end it happens by itself."""
        self._is_closed = True
        if self._upcoming is not None:
            wait([self._upcoming])  # a generator cannot be closed while it runs
        self._pool.shutdown()
        self._items.close()
