"""Entry points of django-q2: they take primitives and return a short outcome."""

from typing import Any

from media.services.telegram import passes


def read_channels(**_: Any) -> str:
    return str(passes.read_all())
