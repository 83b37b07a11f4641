"""Bringing back what somebody else overwrote or deleted, where the bucket keeps old versions."""

from typing import Final

from storage_quota.integrity.comparison import reading
from storage_quota.integrity.comparison.merge_join import LedgerEntry
from storage_quota.integrity.comparison.sample import expected_digest
from storage_quota.models import DifferenceKind, IntegrityCheck, Reservation, StoredObject
from storage_quota.object_store import survey
from storage_quota.object_store.errors import RightMissing, StoreLacks
from storage_quota.object_store.port import ObjectStore, OldVersion

_ADVICE: Final = (
    "The bucket keeps old versions, and cleanups spare those that are the only good copy: --repair"
    " restores objects from them where size and hash are those that were stored."
)


def restore(store: ObjectStore, entry: StoredObject) -> bool:
    """
    Copy the newest old version over the object that is, by size and hash, what was stored.

    False if there is none, the hash is not known, or the key is being written.
    """
    expected = expected_digest(LedgerEntry(entry.key, entry.size_bytes, entry.sha256))
    if not expected or Reservation.objects.filter(key=entry.key).exists():
        return False
    before = store.head(entry.key)
    for version in _of_same_size(store, entry):
        store.restore(version)
        content = reading.read(store, entry.key)
        if content and content.sha256 == expected:
            survey.count_old(before.size_bytes if before else 0)
            return True
        survey.count_old(version.size_bytes)
    if before is None and store.head(entry.key):
        store.delete(entry.key)  # none was it: the object is missing as before
    return False


def advice(check: IntegrityCheck) -> list[str]:
    """What to say where objects are missing or differ and the bucket keeps old versions."""
    known = survey.state()
    kinds = (DifferenceKind.MISSING, DifferenceKind.WRONG_SIZE, DifferenceKind.WRONG_HASH)
    if known and known.keeps_old and check.findings.filter(outcome="", kind__in=kinds).exists():
        return [_ADVICE]
    return []


def _of_same_size(store: ObjectStore, entry: StoredObject) -> list[OldVersion]:
    try:
        found = [old for old in store.old_versions(entry.key) if not old.marker]
    except (StoreLacks, RightMissing):
        return []
    return [old for old in found if old.size_bytes == entry.size_bytes]
