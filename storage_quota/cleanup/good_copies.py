"""
Old versions that are the only good copy of an object: no cleanup deletes them.

Somebody else may overwrite or delete what the ledger expects in the bucket. Where the bucket keeps
versions, what was stored is there still, as an old version.
"""

import hashlib
from collections.abc import Sequence

from storage_quota import keys
from storage_quota.models import StoredObject
from storage_quota.object_store.adapters import CHUNK_BYTES
from storage_quota.object_store.errors import ObjectMissing
from storage_quota.object_store.factory import get_store
from storage_quota.object_store.port import ObjectInfo, OldVersion


def among(versions: Sequence[OldVersion]) -> list[OldVersion]:
    """
    Select those that the ledger's object may have to be restored from.

    The store is asked only about keys whose entry is damaged, or has the size of an old version;
    raises as the store does.
    """
    entries = StoredObject.objects.in_bulk({version.key for version in versions})
    current: dict[str, ObjectInfo | None] = {}
    return [
        version
        for version in versions
        if (entry := entries.get(version.key))
        if _may_be_it(version, entry) and _is_needed(version, entry, current)
    ]


def _may_be_it(version: OldVersion, entry: StoredObject) -> bool:
    """Whether it may be what was stored; an entry found damaged has the size of the damage."""
    if version.marker:
        return False
    return entry.damaged_at is not None or version.size_bytes == entry.size_bytes


def _is_needed(
    version: OldVersion, entry: StoredObject, current: dict[str, ObjectInfo | None]
) -> bool:
    """Whether the object itself is missing or not what was stored, as far as can be known."""
    if entry.damaged_at is not None:
        return True
    if entry.key not in current:
        current[entry.key] = get_store().head(entry.key)
    info = current[entry.key]
    if info is None or info.size_bytes != entry.size_bytes:
        return True
    return info.etag != version.etag and not _is_sound(entry)


def _is_sound(entry: StoredObject) -> bool:
    """Read the object: is it what was stored? False where that is not known."""
    digest, expected = hashlib.sha256(), entry.sha256 or keys.content_digest(entry.key)
    try:
        with get_store().open(entry.key, raw=True) as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    except ObjectMissing:
        return False
    return digest.hexdigest() == expected
