"""The object store: the only way by which the application reads and writes the bucket."""

from storage_quota.models.receipt import PutReceipt
from storage_quota.object_store.errors import (
    LifecycleUnsupported,
    MoreThanReserved,
    ObjectMissing,
    ReservationMismatch,
    StoreForbidden,
    StoreFull,
    StoreLacks,
    StoreNotWritable,
    StoreUnavailable,
)
from storage_quota.object_store.factory import get_store, use
from storage_quota.object_store.port import (
    LifecycleRule,
    ObjectInfo,
    ObjectStore,
    OldVersion,
    UnfinishedUpload,
)

__all__ = [
    "LifecycleRule",
    "LifecycleUnsupported",
    "MoreThanReserved",
    "ObjectInfo",
    "ObjectMissing",
    "ObjectStore",
    "OldVersion",
    "PutReceipt",
    "ReservationMismatch",
    "StoreForbidden",
    "StoreFull",
    "StoreLacks",
    "StoreNotWritable",
    "StoreUnavailable",
    "UnfinishedUpload",
    "get_store",
    "use",
]
