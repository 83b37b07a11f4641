"""One world for all tests of this folder, in a transaction that is rolled back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from tests.permission_table import world as worlds
from tests.permission_table.asking import Console
from tests.permission_table.undoing import taken_back
from tests.permission_table.world import World


@pytest.fixture
def _django_db_helper() -> None:
    """What the mark `django_db` asks for: nothing, as each test is within the world's transaction."""


@pytest.fixture(scope="package")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("objects")


@pytest.fixture(scope="package")
def world(django_db_setup: None, django_db_blocker: Any, bucket: Path) -> Iterator[World]:
    with django_db_blocker.unblock(), taken_back(), override_settings(OBJECTS_DIR=bucket):
        yield worlds.build()


@pytest.fixture(scope="package")
def console(world: World) -> Console:
    return Console(world)


@pytest.fixture(autouse=True)
def _same_bucket(settings: Any, objects_dir: Path, bucket: Path) -> None:
    settings.OBJECTS_DIR = bucket
    # Switched off, asking for a page does nothing to anybody.
    settings.CRAWL = settings.CRAWL.model_copy(update={"feature_crawl_enabled": True})
