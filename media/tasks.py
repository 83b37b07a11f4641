"""Entry points of django-q2: they take primitives and return a short outcome."""

from typing import Any

from media.services.telegram import count_passes, passes


def read_channels(**_: Any) -> str:
    return str(passes.read_all())


def read_counts(**_: Any) -> str:
    return str(count_passes.read_all())
