"""Requests a reanalysis: publishes the upload event of each post again, tagged with a run."""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar, Final

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop

from accounts import audit
from accounts.models import Tenant
from events import outbox
from events.errors import DomainError
from events.models import OutboxEvent
from events.schemas import VisionUploadedEventV1
from media.models import Post
from media.posts import post_events
from vision import providers
from vision.models import AnalysisState, PaidAnalysis
from vision.providers.port import SCHEMA_VERSION
from vision.reanalysis.selection import PostWithMedia, Selection, batches

RUN: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")

Progress = Callable[[int], None]


class VisionSwitchedOff(DomainError):
    """FEATURE_VISION_ENABLED is off: the events would have no subscriber and be lost."""

    code: ClassVar[str] = "vision_switched_off"
    http_status: ClassVar[int] = 409


def new_run(*, now: datetime) -> str:
    """Make a unique id for a run that contains the time of its start."""
    return f"again-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def trace_of(run: str) -> str:
    """Return the trace id of all events of the run."""
    return f"reanalyze:{run}"


def count_requested(run: str) -> int:
    """Count the posts requested by this run so far."""
    events = OutboxEvent.objects.filter(trace_id=trace_of(run), topic=VisionUploadedEventV1.topic)
    # The trace id is indexed; the payload excludes events that merely carry the same trace id.
    return events.filter(payload__reanalysis=run).count()


def request(
    selection: Selection,
    *,
    run: str,
    retry_refused: bool,
    now: datetime,
    progress: Progress | None = None,
) -> int:
    """
    Publish an event for each post; returns the number of posts that this call has added.

    Idempotent by `run`: after an interruption, calling it with the same run continues where it
    stopped. The selection's limit counts all posts of the run. Raises VisionSwitchedOff.
    """
    if not settings.VISION.feature_vision_enabled:
        raise VisionSwitchedOff(
            gettext_noop("FEATURE_VISION_ENABLED is off: pictures are not analyzed")
        )
    with audit.recorded(
        "reanalysis", tenant=_tenant_of(selection), before=_told(selection, run)
    ) as figures:
        requested = _request(selection, run, retry_refused, now, progress)
        figures.update(run=run, posts=requested)
    return requested


def _tenant_of(selection: Selection) -> Tenant | None:
    """The one tenant whose posts are selected, if that is said or they are named."""
    ids = {selection.tenant_id} if selection.tenant_id else set()
    if not ids and selection.post_ids:
        posts = Post.objects.filter(pk__in=selection.post_ids).order_by()
        ids = set(posts.values_list("tenant", flat=True).distinct()[:2])
    return Tenant.objects.filter(pk__in=ids).first() if len(ids) == 1 else None


def _told(selection: Selection, run: str) -> dict[str, Any]:
    """What the record of the run says of it: the filters that are given."""
    given = {name: value for name, value in asdict(selection).items() if value}
    return {"run": run, **given}


def _request(
    selection: Selection,
    run: str,
    retry_refused: bool,  # noqa: FBT001 - of `request`
    now: datetime,
    progress: Progress | None,
) -> int:
    left = None if selection.limit is None else selection.limit - count_requested(run)
    requested = 0
    # The limit is not the selection's here: posts requested before must not use it up.
    for batch in batches(replace(selection, limit=None)):
        if left is not None and requested >= left:
            break
        wanted = {_key(item, run): item for item in batch}
        if left is not None:
            wanted = _first_unrequested(wanted, most=left - requested)
        with transaction.atomic():  # a refusal must not be reset without the event that retries it
            if retry_refused:
                _reset_refusals(list(wanted.values()))
            requested += outbox.publish_many(
                [_event(p, key, run, now) for key, p in wanted.items()]
            )
        if progress:
            progress(len(wanted))
    return requested


def _first_unrequested(
    wanted: Mapping[str, PostWithMedia], *, most: int
) -> dict[str, PostWithMedia]:
    """Return the first `most` posts that this run has not requested yet."""
    published = OutboxEvent.objects.filter(
        topic=VisionUploadedEventV1.topic,
        version=VisionUploadedEventV1.version,
        idempotency_key__in=list(wanted),
    )
    before = set(published.values_list("idempotency_key", flat=True))
    return dict([(key, item) for key, item in wanted.items() if key not in before][:most])


def _key(item: PostWithMedia, run: str) -> str:
    """Make the idempotency key; the run is part of it, as the upload's own key is taken."""
    contents = ",".join(sorted(media.file_sha256 for media in item.media))
    digest = sha256(contents.encode()).hexdigest()
    return f"{item.post.tenant_id}:{item.post.pk}:{digest}:again:{run}"


def _event(item: PostWithMedia, key: str, run: str, now: datetime) -> VisionUploadedEventV1:
    event = post_events.uploaded(item.post, item.media, now=now, trace_id=trace_of(run))
    return event.model_copy(update={"idempotency_key": key, "reanalysis": run})


def _reset_refusals(batch: Sequence[PostWithMedia]) -> None:
    """Let the current provider analyze pictures it has refused; in the caller's transaction."""
    paid = providers.get_gigachat()
    if paid is None:
        return
    PaidAnalysis.objects.filter(
        tenant__in={item.post.tenant_id for item in batch},
        sha256__in={media.file_sha256 for item in batch for media in item.media},
        provider=paid.name,
        model=paid.model,
        schema_version=SCHEMA_VERSION,
        state=AnalysisState.FAILED,
    ).update(
        state=AnalysisState.REQUESTED,
        attempts=0,
        retry_rounds=0,
        requested_at=None,  # else it counted as one that the backlog waits for
        error_class="",
        reason="",
        error="",
    )
