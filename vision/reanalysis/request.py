"""Asking for it: the event of an upload once more, under the name of a run."""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import ClassVar, Final

from django.conf import settings
from django.db import transaction

from events import outbox
from events.errors import DomainError
from events.models import OutboxEvent
from events.schemas import VisionUploadedEventV1
from media.posts import post_events
from vision import providers
from vision.models import LookState, PictureLook
from vision.providers.port import SCHEMA_VERSION
from vision.reanalysis.selection import Selection, Shown, batches

RUN: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")

Progress = Callable[[int], None]


class VisionSwitchedOff(DomainError):
    """Without FEATURE_VISION_ENABLED nobody listens: what is asked for would be lost."""

    code: ClassVar[str] = "vision_switched_off"
    http_status: ClassVar[int] = 409


def new_run(*, now: datetime) -> str:
    """A name no other run has, which says when it began."""
    return f"again-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def trace_of(run: str) -> str:
    """The trace id of everything the run sets off."""
    return f"reanalyze:{run}"


def asked_in(run: str) -> int:
    """Posts asked for in the name of this run so far."""
    asked = OutboxEvent.objects.filter(trace_id=trace_of(run), topic=VisionUploadedEventV1.topic)
    return asked.filter(payload__reanalysis=run).count()


def request(
    selection: Selection,
    *,
    run: str,
    retry_refused: bool,
    now: datetime,
    progress: Progress | None = None,
) -> int:
    """
    Ask for another look at each post; returns how many were asked for that were not before.

    Idempotent by `run`: who is interrupted says the same run again and goes on where it
    stopped. A limit counts over all its parts. Raises VisionSwitchedOff.
    """
    if not settings.VISION.feature_vision_enabled:
        raise VisionSwitchedOff("FEATURE_VISION_ENABLED is off: nobody looks at pictures")
    left = None if selection.limit is None else selection.limit - asked_in(run)
    asked = 0
    for batch in batches(replace(selection, limit=None)):
        if left is not None and asked >= left:
            break
        wanted = {_key(shown, run): shown for shown in batch}
        if left is not None:
            wanted = _some(wanted, most=left - asked)
        with transaction.atomic():
            if retry_refused:
                _forget_refusals(list(wanted.values()))
            asked += outbox.publish_many([_event(s, key, run, now) for key, s in wanted.items()])
        if progress:
            progress(len(wanted))
    return asked


def _some(wanted: Mapping[str, Shown], *, most: int) -> dict[str, Shown]:
    """The first ones that this run has not asked for."""
    asked = OutboxEvent.objects.filter(
        topic=VisionUploadedEventV1.topic, version=VisionUploadedEventV1.version,
        idempotency_key__in=list(wanted),
    )  # fmt: skip
    before = set(asked.values_list("idempotency_key", flat=True))
    return dict([(key, shown) for key, shown in wanted.items() if key not in before][:most])


def _key(shown: Shown, run: str) -> str:
    contents = ",".join(sorted(media.file_sha256 for media in shown.media))
    digest = sha256(contents.encode()).hexdigest()
    return f"{shown.post.tenant_id}:{shown.post.pk}:{digest}:again:{run}"


def _event(shown: Shown, key: str, run: str, now: datetime) -> VisionUploadedEventV1:
    event = post_events.uploaded(shown.post, shown.media, now=now, trace_id=trace_of(run))
    return event.model_copy(update={"idempotency_key": key, "reanalysis": run})


def _forget_refusals(batch: Sequence[Shown]) -> None:
    """What the provider of today refused is open again; in the caller's transaction."""
    paid = providers.get_gigachat()
    if paid is None:
        return
    PictureLook.objects.filter(
        tenant__in={shown.post.tenant_id for shown in batch},
        sha256__in={media.file_sha256 for shown in batch for media in shown.media},
        provider=paid.name, model=paid.model, schema_version=SCHEMA_VERSION,
        state=LookState.FAILED,
    ).update(
        state=LookState.OPEN, attempts=0, rounds=0, error_class="", reason="", error=""
    )  # fmt: skip
