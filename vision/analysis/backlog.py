"""
Pictures that were read with OCR, or not at all, and wait for a real look.

The rows of `PictureLook` are the queue: fresh posts before old ones, newer before older. A
scheduled job asks for as many again as there are tokens for; asking is the same event that an
upload sends, so all the rest is the ordinary way.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from events import outbox, trace
from events.schemas import VisionUploadedEventV1
from media.models import MediaObject, MediaRole, Post, PostMedia
from media.posts import post_events
from vision.models import LookState, PictureLook

MOST_ROUNDS = 3
"""How often a picture that failed up to VISION_API_MAX_RETRIES is asked for once more."""
AT_ONCE = 50
"""Pictures asked for again in one go: more would only stand in line before fresh ones."""
ASKED_FOR = timedelta(hours=1)
"""After this a picture that was asked for and never looked at waits again."""
REANALYSIS = "reanalysis"
"""
Why a picture waits that a person wants to be looked at again. He was told how many days that
takes: such a picture takes no place in the line and is never sent away from it.
"""


def rest(rounds: int) -> timedelta:
    """An hour after the first time it was given up, then four, then sixteen."""
    return timedelta(hours=4 ** (rounds - 1))


def enqueue(row: PictureLook, *, why: str, depth: int, due_at: datetime | None = None) -> bool:
    """
    Let the picture wait, in the transaction that holds its tenant's turn or its row.

    False where it does not: waiting is switched off, or `depth` pictures that matter more
    wait already. One that matters less makes room. What a person wants to be looked at again
    always waits.
    """
    row.asked_at = None
    wanted = row.waits_for == REANALYSIS
    may_wait = settings.VISION.vision_queue_when_exhausted
    if not may_wait or not (wanted or _make_room(row, depth)):
        row.state, row.waits_for, row.due_at = LookState.OPEN, "", None
        row.save()
        return False
    row.state, row.due_at = LookState.WAITING, due_at
    row.waits_for = REANALYSIS if wanted else why
    row.save()
    return True


def waiting_of(tenant_id: UUID) -> QuerySet[PictureLook]:
    """In the order in which they will be asked for."""
    rows = PictureLook.objects.filter(tenant_id=tenant_id, state=LookState.WAITING)
    return rows.order_by("-live", "-posted_at", "id")


def ask_again(tenant_id: UUID, rows: Sequence[PictureLook], *, now: datetime) -> int:
    """Publish the posts of these pictures anew, in the caller's transaction; returns how many."""
    posts = _newest_posts(tenant_id, [row.sha256 for row in rows])
    for row in rows:
        row.state = LookState.OPEN if row.sha256 in posts else LookState.FAILED
        row.error_class = row.error_class if row.sha256 in posts else "post_gone"
        row.asked_at = now
        row.save(update_fields=["state", "error_class", "asked_at", "updated_at"])
    return _publish({post.pk: post for post in posts.values()}.values(), now=now)


def tell_other_posts(row: PictureLook, *, but: Post, now: datetime) -> int:
    """The picture waited and has its look: other posts that show it get it, too."""
    others = Post.objects.filter(
        tenant_id=row.tenant_id, media__file_sha256=row.sha256,
        post_media__role__in=_SHOWN, enrichments__kind="vision",
    ).exclude(pk=but.pk)  # fmt: skip
    return _publish(others.distinct(), now=now)


def forget_asked(*, now: datetime) -> int:
    """What was asked for and never came to a look waits again."""
    lost = PictureLook.objects.filter(state=LookState.OPEN, asked_at__lt=now - ASKED_FOR)
    return lost.exclude(waits_for="").update(state=LookState.WAITING, asked_at=None, due_at=None)


_SHOWN = (MediaRole.PRIMARY, MediaRole.ATTACHMENT)


def _make_room(row: PictureLook, depth: int) -> bool:
    others = waiting_of(row.tenant_id).exclude(pk=row.pk).exclude(waits_for=REANALYSIS)
    if others.count() < depth:
        return True
    last = others.order_by("live", "posted_at", "-id").first()
    if last is None or _weight(last) >= _weight(row):
        return False
    last.state, last.waits_for, last.due_at = LookState.OPEN, "", None
    last.save(update_fields=["state", "waits_for", "due_at", "updated_at"])
    return True


def _weight(row: PictureLook) -> tuple[bool, float]:
    return row.live, row.posted_at.timestamp() if row.posted_at else 0.0


def _newest_posts(tenant_id: UUID, contents: Sequence[str]) -> dict[str, Post]:
    """The post to ask with, by content; one is enough, the others are told of the result."""
    shown = PostMedia.objects.filter(
        post__tenant_id=tenant_id, media_object__file_sha256__in=contents, role__in=_SHOWN
    )
    ordered = shown.select_related("post", "media_object").order_by("post__posted_at")
    return {one.media_object.file_sha256: one.post for one in ordered}


def _publish(posts: Iterable[Post], *, now: datetime) -> int:
    asked = 0
    for post in posts:
        shown = post.post_media.filter(role__in=_SHOWN).select_related("media_object")
        media = [one.media_object for one in shown.order_by("position")]
        if media:
            outbox.publish(_wanted(post, media, now=now))
            asked += 1
    return asked


def _wanted(post: Post, media: Sequence[MediaObject], *, now: datetime) -> VisionUploadedEventV1:
    """What an upload says, said once more."""
    trace_id = trace.current() or trace.new()
    event = post_events.uploaded(post, media, now=now, trace_id=trace_id)
    again = f"{event.idempotency_key}:again:{now.isoformat()}"
    return event.model_copy(update={"idempotency_key": again})
