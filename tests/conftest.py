"""What every test may use. The database is the real PostgreSQL, sockets stay on this machine."""

import os
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connections
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from events import liveness, subscriptions
from telegram_assistant.metrics.folder import VARIABLE
from tests.gigachat_fixtures import (  # noqa: F401 - fixtures
    certificate_files,
    gigachat,
    gigachat_stub,
    look,
)

pytest_plugins = ["tests.s3_fixtures"]

SHARED_DATA = Path(
    os.environ.get("SHARED_DATA_DIR", Path(__file__).resolve().parents[2] / "shared" / "data")
)

# The same examples at every run, and no test fails because the machine is busy.
hypothesis_settings.register_profile(
    "house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("house")


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Tests kill workers, never the machine: their commits need not wait for the disk."""
    settings = connections["default"].settings_dict
    settings["OPTIONS"] = {**settings["OPTIONS"], "options": "-c synchronous_commit=off"}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """The database can be dropped only when the worker's own connection is closed."""
    yield
    liveness.stop()


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_counted_for_good() -> Iterator[None]:
    """What tests count is not added to the installation whose VAR_DIR this is."""
    yield
    for path in Path(os.environ[VARIABLE]).glob(f"*_{os.getpid()}.db"):
        path.unlink()


@pytest.fixture(autouse=True)
def objects_dir(settings, tmp_path: Path) -> Path:
    """Each test has a bucket of its own."""
    settings.OBJECTS_DIR = tmp_path / "objects"
    return settings.OBJECTS_DIR


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def chance() -> random.Random:
    return random.Random(7)


@pytest.fixture
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip(f"SKIPPED LOUDLY: the real input is not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def _own_subscriptions() -> Iterator[None]:
    """A test may subscribe; the next one does not hear of it."""
    before = dict(subscriptions._registry)
    yield
    subscriptions._registry.clear()
    subscriptions._registry.update(before)


@pytest.fixture
def unique() -> str:
    return uuid.uuid4().hex
