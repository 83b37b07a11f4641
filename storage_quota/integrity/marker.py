"""
The marker: an empty object whose key names the installation that the bucket belongs to.

A wrong or empty bucket looks as if every object had been deleted. A missing mount, another bucket
and another installation's bucket do not have our marker, so they are recognized. The marker has
no bytes, so the ledger is exact without an entry for it.
"""

import logging
from datetime import datetime
from typing import Final

from events.sentences import Sentence
from events.sentences import gettext_noop as _
from storage_quota import keys
from storage_quota.integrity.errors import MarkerMissing, WrongBucket
from storage_quota.models import Installation, Reservation, StoredObject
from storage_quota.object_store.errors import OUT_OF_ORDER, StoreForbidden
from storage_quota.object_store.factory import get_store
from storage_quota.object_store.port import ObjectStore

logger = logging.getLogger(__name__)

TRIED_KEYS: Final = 50
FEW: Final = 10
"""A bucket is plausible if fewer of the tried keys are absent than this, or at most half."""
_STRANGE: Final = Sentence(
    _(
        "The bucket is marked as that of another installation (%(strangers)s; this is %(ours)s):"
        " check S3_BUCKET_NAME. If this installation takes it over, and no other uses it any more:"
        " --claim-bucket"
    )
)
_UNMARKED: Final = Sentence(
    _(
        "The bucket has no object %(key)s: it is another bucket, or its disk is not mounted. If it"
        " is the right one after all: --claim-bucket"
    )
)


def confirm(store: ObjectStore, *, now: datetime) -> None:
    """
    Return if the bucket is ours; otherwise raise WrongBucket or MarkerMissing.

    A bucket that was never marked is marked now, if it contains what the ledger lists.
    """
    if not recognize(store):
        _mark(store, installation(), now=now)


def recognize(store: ObjectStore) -> bool:
    """
    Whether the bucket carries our marker; False if it is ours and has to be marked yet.

    Writes nothing. Raises WrongBucket or MarkerMissing, where it is not ours.
    """
    marked = refuse_others(store)
    if not marked and not _plausible(store):
        raise MarkerMissing(
            _(
                "Hardly any object of the ledger is in this bucket: check S3_BUCKET_NAME,"
                " or mount its disk. If it is the right one after all: --claim-bucket"
            )
        )
    return marked and installation().marked_at is not None


def refuse_others(store: ObjectStore) -> bool:
    """
    Whether the bucket carries our marker: what is asked before anything is stored, by one listing.

    Raises WrongBucket where another installation has marked it, and MarkerMissing where we have
    marked a bucket, and this is not it.
    """
    ours = installation()
    strangers, marked = _marks(store, ours)
    if strangers:
        raise WrongBucket(_STRANGE % {"strangers": ", ".join(strangers), "ours": ours.pk})
    if not marked and ours.marked_at:
        # Asked for itself, too: a listing may lag behind what was written.
        _refuse_unmarked(store)
        return True
    return marked


def refuse_other_buckets() -> None:
    """
    Raise WrongBucket or MarkerMissing where what is stored now would go into a bucket that is not ours.

    Half of an archive in each of two buckets would be noticed late. A bucket that we may not list
    is asked for our marker alone. Where it does not answer that either, nothing is known: the log
    says so, and whether anything can be stored is seen at the first file.
    """
    store = get_store().store
    try:
        try:
            refuse_others(store)
        except StoreForbidden:
            _refuse_unmarked(store)
    except OUT_OF_ORDER as error:
        logger.warning("it is not known whether the bucket is ours: %s", error, exc_info=error)


def still_there(store: ObjectStore) -> bool:
    """Whether the bucket still has our marker, so that its answer “absent” can be trusted."""
    return store.head(keys.marker(installation().pk)) is not None


def claim(store: ObjectStore, *, now: datetime) -> None:
    """Mark the bucket as ours, and delete other markers, because a person asked for it."""
    ours = installation()
    _mark(store, ours, now=now)
    for info in list(store.list(keys.MARKERS)):
        if info.key != keys.marker(ours.pk):
            store.delete(info.key)


def installation() -> Installation:
    row, _ = Installation.objects.get_or_create(number=1)
    return row


def _refuse_unmarked(store: ObjectStore) -> None:
    ours = installation()
    if ours.marked_at and not still_there(store):
        raise _no_marker(ours)


def _no_marker(ours: Installation) -> MarkerMissing:
    return MarkerMissing(_UNMARKED % {"key": keys.marker(ours.pk)})


def _marks(store: ObjectStore, ours: Installation) -> tuple[list[str], bool]:
    marks = [info.key.removeprefix(keys.MARKERS) for info in store.list(keys.MARKERS)]
    return [mark for mark in marks if mark != str(ours.pk)], str(ours.pk) in marks


def _plausible(store: ObjectStore) -> bool:
    tried = list(StoredObject.objects.order_by("?").values_list("key", flat=True)[:TRIED_KEYS])
    absent = sum(store.head(key) is None for key in tried)
    return not tried or absent * 2 <= len(tried) or (absent < min(FEW, len(tried)))


def _mark(store: ObjectStore, ours: Installation, *, now: datetime) -> None:
    nothing = Reservation(key=keys.marker(ours.pk), size_bytes=0)  # not saved: nothing to count
    store.put(nothing, b"", mime="application/octet-stream")
    Installation.objects.filter(pk=ours.pk).update(marked_at=now)
