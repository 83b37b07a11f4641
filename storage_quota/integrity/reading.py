"""Reading an object whole, as it lies in the store."""

import hashlib
from dataclasses import dataclass

from storage_quota.object_store.port import CHUNK_BYTES, ObjectMissing, ObjectStore


@dataclass(frozen=True, slots=True)
class Content:
    """`sha256` is empty where the disk gives back no bytes; `trouble` says what it said."""

    size_bytes: int
    sha256: str
    trouble: str = ""


def read(store: ObjectStore, key: str) -> Content | None:
    """None if there is no such object."""
    digest, size_bytes = hashlib.sha256(), 0
    try:
        with store.open(key, raw=True) as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                size_bytes += len(chunk)
    except ObjectMissing:
        return None
    except OSError as exc:  # of a bad sector, say; a store that is away says StoreUnavailable
        return Content(size_bytes, "", trouble=f"unreadable: {exc.strerror or exc}")
    return Content(size_bytes, digest.hexdigest())
