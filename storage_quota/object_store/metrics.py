"""Prometheus metrics of the store (CONTRACT §16.1). Labels come from small fixed sets."""

from typing import Final

from prometheus_client import Counter, Histogram

from storage_quota.units import MIB

_SIZES: Final = ((MIB, "<1mb"), (5 * MIB, "1-5mb"), (15 * MIB, "5-15mb"))
_LARGEST: Final = ">15mb"
_CONTENT_TYPES: Final = {"media": "media", "vision": "json", "album": "json", "crawl": "text"}

UPLOAD_SECONDS = Histogram(
    "s3_upload_duration_seconds",
    "Time of a put that succeeded",
    ["content_type", "size_bucket"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
OPERATIONS = Counter(
    "s3_operations_total",
    "Operations of the object store; a put that `exists` was not needed",
    ["operation", "result", "content_type"],
)
FILE_BYTES = Histogram(
    "s3_file_size_bytes",
    "Sizes of objects put, as stored",
    ["content_type"],
    buckets=(1024, 10 * 1024, 100 * 1024, MIB, 5 * MIB, 10 * MIB, 15 * MIB, 50 * MIB),
)
COMPRESSION_RATIO = Histogram(
    "s3_compression_ratio",
    "Packed size as a part of the plain size, of objects put packed",
    ["content_type"],
    buckets=(0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.5),
)


def content_type(key: str) -> str:
    """The label for an object, by the folder of its key: media, json, text, otherwise `any`."""
    return _CONTENT_TYPES.get(key.partition("/")[0], "any")


def size_bucket(size_bytes: int) -> str:
    return next((name for below, name in _SIZES if size_bytes < below), _LARGEST)


def count(operation: str, result: str, key: str) -> None:
    """Count put, get, head or delete, with its result: success, error, exists or not_found."""
    OPERATIONS.labels(operation, result, content_type(key)).inc()
