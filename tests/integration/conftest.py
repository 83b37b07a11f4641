"""Small things the integration tests share."""

from collections.abc import Callable
from typing import ClassVar

import pytest

from events.schemas import Event


class Ping(Event):
    """An event that belongs to no room."""

    topic: ClassVar[str] = "test.ping"

    number: int = 0


@pytest.fixture
def ping() -> Callable[..., Ping]:
    def make(number: int = 0, **fields) -> Ping:
        return Ping(tenant_id="t", idempotency_key=f"ping:{number}", number=number, **fields)

    return make
