"""Whether the current work is backfill: what it publishes waits behind what is recent, too."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[bool] = ContextVar("backfill", default=False)


def current() -> bool:
    return _current.get()


@contextmanager
def use(backfill: bool) -> Iterator[None]:  # noqa: FBT001 - as `trace.use`
    """Mark everything that is published inside the block as backfill, or as recent."""
    token = _current.set(backfill)
    try:
        yield
    finally:
        _current.reset(token)
