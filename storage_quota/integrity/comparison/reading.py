"""Reading a whole object, as it is stored."""

import hashlib
from dataclasses import dataclass

from storage_quota.object_store.adapters import CHUNK_BYTES
from storage_quota.object_store.errors import ObjectMissing
from storage_quota.object_store.port import ObjectStore


@dataclass(frozen=True, slots=True)
class ObjectContent:
    """Size and hash of the stored bytes. If reading fails, `sha256` is empty and `error` set."""

    size_bytes: int
    sha256: str
    error: str = ""


def read(store: ObjectStore, key: str) -> ObjectContent | None:
    """Read and hash the object; None if there is none."""
    digest, size_bytes = hashlib.sha256(), 0
    try:
        with store.open(key, raw=True) as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                size_bytes += len(chunk)
    except ObjectMissing:
        return None
    except OSError as exc:  # a bad sector, say; an unreachable store raises StoreUnavailable
        return ObjectContent(size_bytes, "", error=f"unreadable: {exc.strerror or exc}")
    return ObjectContent(size_bytes, digest.hexdigest())
