"""
Old versions: what a bucket with versioning keeps of objects that were replaced or deleted.

They take the provider's space, and nobody can read them in the application. A rule of the bucket
deletes them after some days (`sync_lifecycle`); a cleanup needs their space now.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Final

from storage_quota import keys
from storage_quota.cleanup import good_copies
from storage_quota.cleanup.candidates import Candidate, Step
from storage_quota.cleanup.uploads import tenant_id
from storage_quota.object_store import survey
from storage_quota.object_store.errors import RightMissing, StoreLacks
from storage_quota.object_store.factory import get_store
from storage_quota.object_store.port import OldVersion

PAGE: Final = 100
"""Old versions whose ledger entries are read in one query."""


def are_kept() -> bool:
    """Whether the bucket keeps them, as far as is known."""
    known = survey.state()
    return known is not None and known.keeps_old


def candidates(*, before: datetime, kept: list[OldVersion]) -> Iterator[Candidate]:
    """
    Old versions of our keys written at `before` or earlier; none where they cannot be listed.

    Delete markers come last: one that hides an object only if nothing is left behind it. What is
    the only good copy of an object is added to `kept` instead.
    """
    left, markers = set[str](), list[OldVersion]()
    versions = _ours() if are_kept() else iter(())
    while page := list(islice(versions, PAGE)):
        young = [version for version in page if version.modified_at > before]
        needed = good_copies.among(page)
        kept += needed
        left |= {version.key for version in (*young, *needed) if not version.marker}
        for version in page:
            if version in young or version in needed:
                continue
            if version.marker:
                markers.append(version)
            else:
                yield _candidate(Step.VERSIONS, version)
    for marker in markers:
        if not (marker.hides and marker.key in left):
            yield _candidate(Step.MARKERS, marker)


def delete(candidate: Candidate) -> bool:
    """Delete one for good; False if it has become the only good copy since it was chosen."""
    store = get_store()
    known = [old for old in store.old_versions(candidate.key) if old.version_id == candidate.ref]
    if good_copies.among(known):
        return False
    for version in known:
        store.delete_version(version)
        survey.count_old(-version.size_bytes)
    return True


def delete_marker(candidate: Candidate) -> bool:
    """Delete a delete marker; False where it hides an old version that is there still."""
    found = list(get_store().old_versions(candidate.key))
    for marker in (old for old in found if old.version_id == candidate.ref):
        if marker.hides and len(found) > 1 and not all(old.marker for old in found):
            return False
        get_store().delete_version(marker)
    return True


def purge(key: str) -> None:
    """
    Delete what the bucket keeps of an object that a cleanup has just deleted.

    The marker that hides it goes last: without it an old version would be the object again.
    """
    store = get_store()
    for version in sorted(store.old_versions(key), key=lambda version: version.hides):
        store.delete_version(version)
        survey.count_old(-version.size_bytes)


def _ours() -> Iterator[OldVersion]:
    with suppress(StoreLacks, RightMissing):
        yield from (old for old in get_store().old_versions() if keys.is_ours(old.key))


def _candidate(step: Step, version: OldVersion) -> Candidate:
    return Candidate(
        step=step,
        key=version.key,
        tenant_id=tenant_id(version.key),
        content_type=version.key.partition("/")[0],
        size_bytes=version.size_bytes,
        used_at=version.modified_at,
        ref=version.version_id,
    )
