"""Python's collector of cyclic garbage, told to look more rarely while many objects are made."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 50_000
"""New objects between two looks; by default 700, which took a fifth of an import's time."""


@contextmanager
def collected_rarely() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
