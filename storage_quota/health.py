"""Checks of the bucket, for `/health/detailed` and `doctor`. What they write they delete."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from events import health
from events.health import Finding, Scope, failed, ok, skipped, warning
from events.inspection import postgresql
from events.postgresql import advisory_locks
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from storage_quota.cleanup import lifecycle, runner
from storage_quota.integrity import check_runs, marker
from storage_quota.integrity.errors import MarkerMissing, WrongBucket
from storage_quota.management.sizes import gib
from storage_quota.models import Reservation
from storage_quota.object_store import ObjectStore, get_store
from storage_quota.object_store.errors import OUT_OF_ORDER
from storage_quota.reservations.locks import BUCKET
from storage_quota.selectors import bucket_usage
from storage_quota.units import MIB

FOLDER: Final = "doctor/"
"""Keys of what the checks write. In no room's folder: `verify_storage` takes it for another's."""
REMEDY: Final = _(
    "check S3_ENDPOINT_URL, S3_BUCKET_NAME and the keys; without S3, the disk of VAR_DIR"
)
CLOCK_WARNS: Final = timedelta(seconds=60)
CLOCK_FAILS: Final = timedelta(minutes=15)
"""By how much S3's signatures allow clocks to differ."""
NTP: Final = _("let this host set its clock by NTP")
_NO_S3: Final = Sentence(_("no S3: %(where)s"))
_USED: Final = Sentence(_("%(taken)s of %(limit)s are taken"))
_IN_S3: Final = Sentence(_("S3 at %(url)s, bucket %(bucket)s"))
_IN_FILES: Final = Sentence(_("files under %(folder)s"))
_APART: Final = Sentence(_("%(seconds)s s apart"))
_REFUSED: Final = Sentence(_("%(seconds)s s apart: signatures are refused"))
_RULES_MISSING: Final = Sentence(_("rules are missing: %(prefixes)s"))
_RULES: Final = Sentence(_("%(count)s rules in force"))


def register() -> None:
    advisory_locks.register_names(lambda: (BUCKET, runner.LOCK, check_runs.LOCK))
    health.register("object_store", answers, scope=Scope.DETAILED, remedy=REMEDY)
    health.register("bucket", operations, scope=Scope.DOCTOR, remedy=REMEDY, seconds=30)
    health.register(
        "bucket_mark",
        mark,
        scope=Scope.DOCTOR,
        remedy=REMEDY,
        needs=postgresql.CHECK,
        seconds=15,
    )
    health.register(
        "bucket_settings", bucket_settings, scope=Scope.DOCTOR, remedy=REMEDY, seconds=15
    )
    health.register(
        "storage_limit",
        usage,
        scope=Scope.DETAILED,
        remedy=postgresql.REMEDY,
        needs=postgresql.CHECK,
    )


def answers() -> Iterator[Finding]:
    """Ask about an object that does not exist: one request, and nothing is counted."""
    get_store().store.head(f"{FOLDER}absent")
    yield ok(_where())


def operations() -> Iterator[Finding | str]:
    """Put, get, head, list, delete, upload in parts; what was put is deleted, whatever happens."""
    store = get_store().store
    key, body = f"{FOLDER}{uuid.uuid4().hex}", b"written by manage.py doctor, and deleted again"
    parts_key, parts = f"{key}-parts", bytes(settings.S3.multipart_threshold_mb * MIB + 1)
    yield "put"
    with _deleted_afterwards(store, key):
        _write(store, key, body)
        yield ok(f"{len(body)} B")
        yield "get"
        yield _verdict(
            _read(store, key) == body, _("the same bytes"), _("other bytes than were put")
        )
        yield "head"
        info = store.head(key)
        same = info is not None and info.size_bytes == len(body)
        yield _verdict(same, _("found"), _("not as it is"))
        yield "list"
        listed = [i.key for i in store.list(key)]
        yield _verdict(listed == [key], _("found"), _("not in the listing"))
        yield "delete"
        store.delete(key)
        yield _verdict(store.head(key) is None, _("deleted"), _("still there"))
    yield "multipart"
    with _deleted_afterwards(store, parts_key):
        _write(store, parts_key, parts)
        same, left = _read(store, parts_key) == parts, list(store.uploads(parts_key))
        size = f"{len(parts)} B"
        yield _verdict(same and not left, size, _("damaged, or never finished"))


def mark() -> Iterator[Finding]:
    """Whether the bucket is that of the ledger: every other one can be written and read as well."""
    try:
        marked = marker.recognize(get_store().store)
    except (WrongBucket, MarkerMissing) as refusal:
        yield failed(str(refusal), _("check S3_BUCKET_NAME, or mount the disk of VAR_DIR"))
    else:
        yield ok(_("ours") if marked else _("not marked yet: `verify_storage` does that"))


def bucket_settings() -> Iterator[Finding | str]:
    """Clock, checksums, versions and lifecycle rules of a bucket in S3."""
    from storage_quota.object_store.s3 import S3Store  # noqa: PLC0415 - late
    from storage_quota.object_store.s3.inspection import S3Inspector  # noqa: PLC0415 - late

    store = get_store().store
    if not isinstance(store, S3Store):
        yield skipped(_NO_S3 % {"where": _where()})
        return
    inspector = S3Inspector(store)
    yield "clock"
    yield _clock(inspector.clock())
    yield "checksums"
    yield (
        ok(_("a damaged upload is refused"))
        if inspector.refuses_damaged(f"{FOLDER}{uuid.uuid4().hex}")
        else warning(
            _("an upload with a wrong Content-MD5 was accepted"),
            _("run `verify_storage --all` now and then: this server checks no checksums"),
        )
    )
    yield "versions"
    yield _versions(inspector.versions())
    if settings.S3.certificates is False:
        yield _unverified()
    yield "lifecycle"
    yield _lifecycle(lifecycle.compare())


def usage() -> Iterator[Finding]:
    taken, limits = bucket_usage().taken_bytes, settings.LIMITS
    detail = _USED % {"taken": gib(taken), "limit": gib(limits.total_bytes)}
    if taken >= limits.total_bytes:
        remedy = _("free space (`emergency_s3_cleanup auto`) or raise S3_TOTAL_LIMIT_GB")
        yield failed(detail, remedy)
    elif taken >= limits.emergency_bytes:
        remedy = _("a cleanup is due: see `emergency_s3_cleanup auto --dry-run`")
        yield warning(detail, remedy)
    else:
        yield ok(detail)


def _where() -> str:
    if settings.S3.configured:
        return _IN_S3 % {"url": settings.S3.endpoint_url, "bucket": settings.S3.bucket_name}
    return _IN_FILES % {"folder": settings.OBJECTS_DIR}


@contextmanager
def _deleted_afterwards(store: ObjectStore, key: str) -> Iterator[None]:
    """Delete the object after a step that failed; where that fails as well, it stays."""
    try:
        yield
    except BaseException:
        with suppress(*OUT_OF_ORDER):
            store.delete(key)
        raise
    store.delete(key)


def _write(store: ObjectStore, key: str, body: bytes) -> None:
    # Not saved: what is deleted a moment later counts for nobody.
    store.put(Reservation(key=key, size_bytes=len(body)), body, mime="text/plain")


def _read(store: ObjectStore, key: str) -> bytes:
    with store.open(key, raw=True) as file:
        return file.read()


def _verdict(right: bool, detail: str, problem: str) -> Finding:  # noqa: FBT001 - what was found
    remedy = _("ask the provider: this is not how S3 works")
    return ok(detail) if right else failed(problem, remedy)


def _clock(there: datetime | None) -> Finding:
    if there is None:
        return skipped(_("S3 does not tell its time"))
    apart = abs(there - timezone.now())
    told = {"seconds": f"{apart.total_seconds():.0f}"}
    if apart > CLOCK_FAILS:
        return failed(_REFUSED % told, NTP)
    if apart > CLOCK_WARNS:
        return warning(_APART % told, NTP)
    return ok(_("the same as this host's"))


def _versions(status: str) -> Finding:
    if status == "Enabled":
        return warning(
            _("the bucket keeps every version: what is deleted still takes room and costs"),
            _("suspend versioning, or add a rule that expires noncurrent versions"),
        )
    return ok(_("off"))


def _unverified() -> Finding:
    detail = _("S3_VERIFY_SSL=false: whoever is in between can read and change what is stored")
    return warning(detail, _("leave it out and set S3_CA_BUNDLE"), step="certificate")


def _lifecycle(found: lifecycle.LifecycleComparison) -> Finding:
    if not found.supported:
        return ok(_("this store has no rules: the daily sweep deletes"))
    if found.missing:
        missing = ", ".join(rule.prefix for rule in found.missing)
        return warning(_RULES_MISSING % {"prefixes": missing}, _("write them: `sync_lifecycle`"))
    return ok(_RULES % {"count": len(found.in_force)})
