"""The bucket's single guarded door."""

from storage_quota.models.receipt import Stored
from storage_quota.object_store.factory import get_store, use
from storage_quota.object_store.port import (
    LifecycleRule,
    LifecycleUnsupported,
    ObjectInfo,
    ObjectMissing,
    ObjectStore,
    ReservationMismatch,
    StoreForbidden,
    StoreFull,
    StoreNotWritable,
    StoreUnavailable,
    Upload,
)

__all__ = [
    "LifecycleRule",
    "LifecycleUnsupported",
    "ObjectInfo",
    "ObjectMissing",
    "ObjectStore",
    "ReservationMismatch",
    "StoreForbidden",
    "StoreFull",
    "StoreNotWritable",
    "StoreUnavailable",
    "Stored",
    "Upload",
    "get_store",
    "use",
]
