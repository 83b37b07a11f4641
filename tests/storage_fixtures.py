"""A small bucket to test with. Sizes are in single bytes."""

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.conf import LazySettings

from accounts.models import Tenant
from storage_quota import services
from storage_quota.models import Reservation, StoredObject, TenantUsage
from storage_quota.object_store import ObjectStore, use
from storage_quota.object_store.files import FileStore
from storage_quota.object_store.memory import MemoryStore
from telegram_assistant.config import Limits

Make = Callable[..., Reservation]


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.objects.create(name="Alice")


@pytest.fixture
def limits(settings: LazySettings) -> Limits:
    """A bucket of 100 bytes, so that tests read like arithmetic."""
    settings.LIMITS = Limits(
        total_bytes=100,
        emergency_bytes=90,
        tenant_bytes=80,
        by_type={"media": 60, "vision": 50, "crawl": 50, "album": 10},
    )
    return settings.LIMITS


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    with use(MemoryStore()) as memory:
        yield memory


@pytest.fixture
def files(tmp_path: Path) -> Iterator[FileStore]:
    root = tmp_path / "objects"
    root.mkdir()
    with use(FileStore(root)) as store:
        yield store


def key(tenant: Tenant, name: str = "", content_type: str = "media") -> str:
    return f"{content_type}/{tenant.pk}/{name or uuid.uuid4().hex}"


@pytest.fixture
def reserve(tenant: Tenant, now: datetime) -> Make:
    def make(
        size_bytes: int, name: str = "", content_type: str = "media", **changes
    ) -> Reservation:
        fields = {"tenant": tenant, "now": now} | changes
        return services.reserve(
            content_type=content_type,
            key=key(fields["tenant"], name, content_type),
            size_bytes=size_bytes,
            **fields,
        )

    return make


def used() -> int:
    return sum(TenantUsage.objects.values_list("total_bytes", flat=True))


def in_ledger() -> dict[str, int]:
    return dict(StoredObject.objects.values_list("key", "size_bytes"))


def in_bucket(store: ObjectStore) -> dict[str, int]:
    return {info.key: info.size_bytes for info in store.list()}
