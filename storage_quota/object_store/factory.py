"""The store that this installation uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.signals import setting_changed

from storage_quota.object_store.files import FileStore
from storage_quota.object_store.metered import MeteredStore
from storage_quota.object_store.port import ObjectStore

Store = TypeVar("Store", bound=ObjectStore)
_override: list[MeteredStore] = []


def get_store() -> MeteredStore:
    """S3 if it is configured, otherwise files under OBJECTS_DIR; one store per process."""
    return _override[-1] if _override else _configured()


def where() -> str:
    """Where the objects are, for people: the address and the bucket, or the folder."""
    if settings.S3.configured:
        return f"{settings.S3.endpoint_url} {settings.S3.bucket_name}"
    return str(settings.OBJECTS_DIR)


@contextmanager
def use(store: Store) -> Iterator[Store]:
    """Use this store instead, in all threads; for tests."""
    metered = MeteredStore(store)
    _override.append(metered)
    try:
        yield store
    finally:
        _override.remove(metered)


@cache
def _configured() -> MeteredStore:
    if settings.S3.configured:
        from storage_quota.object_store.s3 import S3Store  # noqa: PLC0415 - late

        return MeteredStore(S3Store(settings.S3))
    root = Path(settings.OBJECTS_DIR)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)  # other users of the host stay out
    return MeteredStore(FileStore(root))


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"S3", "OBJECTS_DIR"}:
        _configured.cache_clear()


setting_changed.connect(_forget, dispatch_uid="storage_quota.object_store")
