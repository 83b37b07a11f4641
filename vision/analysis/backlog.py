"""
Backlog of pictures that wait for a paid analysis, read with OCR meanwhile or not at all.

The PaidAnalysis rows in state WAITING are the queue: recent posts before backfill, newer before
older. A picture is requested again by publishing the event of an upload once more, so that it
takes the same way as any other picture.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from events import outbox
from events.logs import trace
from events.schemas import VisionUploadedEventV1
from media.models import MediaObject, MediaRole, Post, PostMedia
from media.posts import post_events
from vision.limits.forecast import PictureCount
from vision.models import AnalysisState, PaidAnalysis
from vision.providers.port import SCHEMA_VERSION, VisionProvider

MAX_RETRY_ROUNDS = 3
"""How often a picture that failed VISION_API_MAX_RETRIES times is requested once more."""
MAX_AT_ONCE = 50
"""Pictures requested again in one go: more would only delay recent ones in the queue."""
REQUEST_TIMEOUT = timedelta(hours=1)
"""After this, a picture that was requested again and never analyzed waits again."""
REST_OF_UNWANTED = timedelta(days=1)
"""How long a picture rests that was requested again, and that the policy leaves out by now."""
POST_GONE = "post_gone"
"""The error class of pictures that waited, and that no post showed any more when their turn came."""
REANALYSIS = "reanalysis"
"""
The wait reason of pictures that a person wants analyzed again. The forecast told that person how
many days it takes: such pictures do not count against the queue's depth and are never dropped.
"""

_SHOWN = (MediaRole.PRIMARY, MediaRole.ATTACHMENT)


def rest_after(retry_rounds: int) -> timedelta:
    """One hour after the first round, then four, then sixteen."""
    return timedelta(hours=4 ** (retry_rounds - 1))


def enqueue(row: PaidAnalysis, *, why: str, depth: int, due_at: datetime | None = None) -> bool:
    """
    Put a locked row into the backlog and save it; returns whether it waits.

    It does not wait where VISION_QUEUE_WHEN_EXHAUSTED is off, or where `depth` more important
    pictures wait already; a less important one is dropped for it. A reanalysis always waits.
    """
    row.requested_at = None
    is_reanalysis = row.wait_reason == REANALYSIS
    may_wait = settings.VISION.vision_queue_when_exhausted
    if not may_wait or not (is_reanalysis or _make_room(row, depth)):
        _drop(row)
        row.save()
        return False
    row.state, row.due_at = AnalysisState.WAITING, due_at
    row.wait_reason = REANALYSIS if is_reanalysis else why
    row.save()
    return True


def waiting_of(tenant_id: UUID) -> QuerySet[PaidAnalysis]:
    """The tenant's backlog in the order in which it is requested again."""
    rows = PaidAnalysis.objects.filter(tenant_id=tenant_id, state=AnalysisState.WAITING)
    return rows.order_by("-is_recent", "-posted_at", "id")


def count_waiting(tenant_id: UUID) -> PictureCount:
    """Count the tenant's backlog, by what its pictures may use of a day."""
    rows = PaidAnalysis.objects.filter(tenant_id=tenant_id, state=AnalysisState.WAITING)
    found = dict(rows.values_list("is_recent").order_by().annotate(Count("pk")))
    return PictureCount(found.get(True, 0), found.get(False, 0))


def request_again(
    tenant_id: UUID, rows: Sequence[PaidAnalysis], *, by: VisionProvider | None, now: datetime
) -> int:
    """
    Publish one post of each of these locked rows anew, in the caller's transaction.

    Returns the number of posts. A row that no post shows any more becomes FAILED. One of another
    model than `by`, whom posts are analyzed by now, would never be answered: it leaves the backlog
    to the rows of that model.
    """
    old = [row for row in rows if by is not None and not _is_asked(row, by)]
    handed_over = sum(_hand_over(row, now=now) for row in old)
    left = [row for row in rows if row not in old]
    posts = _newest_posts(tenant_id, [row.sha256 for row in left])
    for row in left:
        has_post = row.sha256 in posts
        row.state = AnalysisState.REQUESTED if has_post else AnalysisState.FAILED
        row.error_class = row.error_class if has_post else POST_GONE
        row.requested_at = now
        row.save(update_fields=["state", "error_class", "requested_at", "updated_at"])
    # By primary key: one post may show several of the pictures and is published once.
    return handed_over + _publish({post.pk: post for post in posts.values()}.values(), now=now)


def request_for_other_posts(row: PaidAnalysis, *, besides: UUID | None, now: datetime) -> int:
    """Publish the posts that show a picture which waited, so that they use what came of it."""
    others = Post.objects.filter(
        tenant_id=row.tenant_id,
        media__file_sha256=row.sha256,
        post_media__role__in=_SHOWN,
        enrichments__kind="vision",
    )
    if besides is not None:
        others = others.exclude(pk=besides)
    return _publish(others.distinct(), now=now)


def put_off(tenant_id: UUID, contents: Sequence[str], *, now: datetime) -> int:
    """
    Let those pictures rest that were requested again, and that the policy leaves out by now.

    Nobody answers them, so their turn would come anew each hour, before that of all others. They
    stay in the backlog, since a policy may be changed back, or leave out one post of several.
    """
    unwanted = PaidAnalysis.objects.filter(
        tenant_id=tenant_id,
        sha256__in=contents,
        state=AnalysisState.REQUESTED,
        requested_at__isnull=False,
    )
    return unwanted.exclude(wait_reason="").update(
        state=AnalysisState.WAITING, requested_at=None, due_at=now + REST_OF_UNWANTED
    )


def release_unanswered(*, now: datetime) -> int:
    """Let pictures wait again that were requested REQUEST_TIMEOUT ago and never analyzed."""
    unanswered = PaidAnalysis.objects.filter(
        state=AnalysisState.REQUESTED, requested_at__lt=now - REQUEST_TIMEOUT
    )
    return unanswered.exclude(wait_reason="").update(
        state=AnalysisState.WAITING, requested_at=None, due_at=None
    )


def _make_room(row: PaidAnalysis, depth: int) -> bool:
    """Whether the row may wait; drops the least important one if the backlog is full."""
    others = waiting_of(row.tenant_id).exclude(pk=row.pk).exclude(wait_reason=REANALYSIS)
    if others.count() < depth:
        return True
    last = others.order_by("is_recent", "posted_at", "-id").first()
    if last is None or _importance(last) >= _importance(row):
        return False
    # Nobody has locked it: where it does not wait any more by now, it has made room by itself.
    waiting = PaidAnalysis.objects.filter(pk=last.pk, state=AnalysisState.WAITING)
    has_dropped = waiting.update(
        state=AnalysisState.REQUESTED, wait_reason="", due_at=None, updated_at=Now()
    )
    # Its posts say that it is to come. One whose calls have failed would be asked about at once.
    if has_dropped and not last.retry_rounds:
        request_for_other_posts(last, besides=None, now=timezone.now())
    return True


def _is_asked(row: PaidAnalysis, by: VisionProvider) -> bool:
    return (row.provider, row.model, row.schema_version) == (by.name, by.model, SCHEMA_VERSION)


def _hand_over(row: PaidAnalysis, *, now: datetime) -> int:
    """Drop the row, and publish the posts that show its picture; returns how many."""
    _drop(row)
    row.requested_at = None
    row.save(update_fields=["state", "wait_reason", "due_at", "requested_at", "updated_at"])
    return request_for_other_posts(row, besides=None, now=now)


def _drop(row: PaidAnalysis) -> None:
    """Take the row out of the backlog: it is analyzed when another post shows the picture."""
    row.state, row.wait_reason, row.due_at = AnalysisState.REQUESTED, "", None


def _importance(row: PaidAnalysis) -> tuple[bool, float]:
    return row.is_recent, row.posted_at.timestamp() if row.posted_at else 0.0


def _newest_posts(tenant_id: UUID, contents: Sequence[str]) -> dict[str, Post]:
    """The newest post of each picture. One is enough: the others follow when it is analyzed."""
    shown = PostMedia.objects.filter(
        post__tenant_id=tenant_id, media_object__file_sha256__in=contents, role__in=_SHOWN
    )
    # Oldest first, so that newer posts overwrite older ones in the dict.
    ordered = shown.select_related("post", "media_object").order_by("post__posted_at")
    return {one.media_object.file_sha256: one.post for one in ordered}


def _publish(posts: Iterable[Post], *, now: datetime) -> int:
    published = 0
    for post in posts:
        shown = post.post_media.filter(role__in=_SHOWN).select_related("media_object")
        media = [one.media_object for one in shown.order_by("position")]
        if media:
            outbox.publish(_uploaded_again(post, media, now=now))
            published += 1
    return published


def _uploaded_again(
    post: Post, media: Sequence[MediaObject], *, now: datetime
) -> VisionUploadedEventV1:
    trace_id = trace.current() or trace.new()
    event = post_events.uploaded(post, media, now=now, trace_id=trace_id)
    # A key of its own: with that of the upload, the outbox would take it for a repetition.
    key = f"{event.idempotency_key}:again:{now.isoformat()}"
    return event.model_copy(update={"idempotency_key": key})
