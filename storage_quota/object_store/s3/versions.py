"""Old versions and delete markers in the format of S3."""

from collections.abc import Iterator, Mapping
from typing import Any

from storage_quota.object_store.port import OldVersion


def read(page: Mapping[str, Any], key: str) -> Iterator[OldVersion]:
    """Read what a page of the listing holds of `key`, of all keys where it is empty."""
    for entry in page.get("Versions", ()):
        if not entry["IsLatest"] and key in {"", entry["Key"]}:
            yield OldVersion(
                entry["Key"],
                entry["VersionId"],
                entry["Size"],
                entry["LastModified"],
                etag=entry.get("ETag", "").strip('"'),
            )
    for entry in page.get("DeleteMarkers", ()):
        if key in {"", entry["Key"]}:
            yield OldVersion(
                entry["Key"],
                entry["VersionId"],
                0,
                entry["LastModified"],
                hides=bool(entry["IsLatest"]),
                marker=True,
            )
