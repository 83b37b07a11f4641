"""The bucket's single guarded door."""

from storage_quota.object_store.factory import get_store, use
from storage_quota.object_store.port import (
    ObjectInfo,
    ObjectMissing,
    ObjectStore,
    ReservationMismatch,
    StoreForbidden,
    StoreFull,
    StoreNotWritable,
    StoreUnavailable,
)
from storage_quota.receipt import Stored

__all__ = [
    "ObjectInfo",
    "ObjectMissing",
    "ObjectStore",
    "ReservationMismatch",
    "StoreForbidden",
    "StoreFull",
    "StoreNotWritable",
    "StoreUnavailable",
    "Stored",
    "get_store",
    "use",
]
