"""
A value of an object that is made at its first use, and once, whoever asks at the same time.

For clients with connections of their own: of those that a race made twice nobody would close one. What
costs nothing but time is a `cached_property` of Django, which lets threads go on side by side.
"""

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")


class made_once(Generic[T]):  # noqa: N801 - a decorator, as `property` is
    """Those who ask for the value of the same object wait for the one who makes it."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        kept = instance.__dict__  # asked before this descriptor as soon as the value is in it
        with kept.setdefault(f"{self._name} is made", threading.Lock()):
            if self._name not in kept:
                kept[self._name] = self._make(instance)
        return cast("T", kept[self._name])
