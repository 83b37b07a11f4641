"""Small things the integration tests share."""

from collections.abc import Callable
from typing import ClassVar

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

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


@pytest.fixture
def operator(db: None) -> Client:
    """A browser in which somebody is logged in who may do everything."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("operator"))
    return client
