"""Prometheus metrics of the store (CONTRACT §16.1). Labels come from small fixed sets."""

from typing import Final

from events.metrics import counter, histogram
from storage_quota.units import MIB

_SIZES: Final = ((MIB, "<1mb"), (5 * MIB, "1-5mb"), (15 * MIB, "5-15mb"))
_LARGEST: Final = ">15mb"
_CONTENT_TYPES: Final = {"media": "media", "vision": "json", "album": "json", "crawl": "text"}
_OTHER: Final = "any"
_STORED: Final = ("media", "json", "text", _OTHER)
_RESULTS: Final = {
    "put": ("success", "error", "exists"),
    "get": ("success", "error", "not_found"),
    "head": ("success", "error", "not_found"),
    "delete": ("success", "error", "not_found"),
}

UPLOAD_SECONDS = histogram(
    "s3_upload_duration_seconds",
    "Time of a put that succeeded",
    {"content_type": _STORED, "size_bucket": (*(name for _, name in _SIZES), _LARGEST)},
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
OPERATIONS = counter(
    "s3_operations_total",
    "Operations of the object store; a put that `exists` was not needed",
    *(
        {"operation": (operation,), "result": results, "content_type": _STORED}
        for operation, results in _RESULTS.items()
    ),
    {"operation": ("presigned",), "result": ("success",), "content_type": ("url",)},
)
FILE_BYTES = histogram(
    "s3_file_size_bytes",
    "Sizes of objects put, as stored",
    {"content_type": _STORED},
    buckets=(1024, 10 * 1024, 100 * 1024, MIB, 5 * MIB, 10 * MIB, 15 * MIB, 50 * MIB),
)
COMPRESSION_RATIO = histogram(
    "s3_compression_ratio",
    "Packed size as a part of the plain size, of objects put packed",
    {"content_type": _STORED},
    buckets=(0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.5),
)


def content_type(key: str) -> str:
    """The label for an object, by the folder of its key: media, json, text, otherwise `any`."""
    return _CONTENT_TYPES.get(key.partition("/")[0], _OTHER)


def size_bucket(size_bytes: int) -> str:
    return next((name for below, name in _SIZES if size_bytes < below), _LARGEST)


def count(operation: str, result: str, key: str) -> None:
    """Count put, get, head or delete, with its result: success, error, exists or not_found."""
    OPERATIONS.labels(operation, result, content_type(key)).inc()
