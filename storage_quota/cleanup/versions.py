"""
Old versions: what a bucket with versioning keeps of objects that were replaced or deleted.

They take the provider's space, and nobody can read them in the application. A rule of the bucket
deletes them after some days (`sync_lifecycle`); a cleanup needs their space now.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from storage_quota import keys
from storage_quota.cleanup.candidates import Candidate, Step
from storage_quota.cleanup.uploads import tenant_id
from storage_quota.object_store import survey
from storage_quota.object_store.errors import RightMissing, StoreLacks
from storage_quota.object_store.factory import get_store
from storage_quota.object_store.port import OldVersion


def are_kept() -> bool:
    """Whether the bucket keeps them, as far as is known."""
    known = survey.state()
    return known is not None and known.keeps_old


def candidates(*, before: datetime) -> Iterator[Candidate]:
    """Old versions of our keys written at `before` or earlier; none where they cannot be listed."""
    for version in _listed() if are_kept() else ():
        if version.modified_at <= before and keys.is_ours(version.key) and not version.hides:
            yield Candidate(
                step=Step.VERSIONS,
                key=version.key,
                tenant_id=tenant_id(version.key),
                content_type=version.key.partition("/")[0],
                size_bytes=version.size_bytes,
                used_at=version.modified_at,
                ref=version.version_id,
            )


def delete(candidate: Candidate) -> None:
    """Delete one for good."""
    version = OldVersion(
        candidate.key, candidate.ref, candidate.size_bytes, modified_at=candidate.used_at
    )
    get_store().delete_version(version)
    survey.count_old(-candidate.size_bytes)


def purge(key: str) -> None:
    """
    Delete what the bucket keeps of an object that a cleanup has just deleted.

    The marker that hides it goes last: without it an old version would be the object again.
    """
    store = get_store()
    for version in sorted(store.old_versions(key), key=lambda version: version.hides):
        store.delete_version(version)
        survey.count_old(-version.size_bytes)


def _listed() -> Iterator[OldVersion]:
    with suppress(StoreLacks, RightMissing):
        yield from get_store().old_versions()
