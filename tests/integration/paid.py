"""What tests of the paid provider share."""

from hashlib import sha256

from django.utils import timezone

from events.delivery import worker
from events.models import Delivery
from events.schemas import VisionUploadedEventV1
from media.posts import post_events
from vision.models import PictureLook, TokenBudget
from vision.services import analyze


def digest(body: bytes) -> str:
    return sha256(body).hexdigest()


def drain(*, rounds: int = 1, queues=("vision", "vision_backfill", "default")) -> None:
    """Deliver what there is, `rounds` times with everything that waits made due."""
    for number in range(rounds):
        if number:
            Delivery.objects.filter(state__in=("pending", "leased")).update(due_at=timezone.now())
        for queue in queues:
            worker.drain(queue)


def event_of(post) -> VisionUploadedEventV1:
    shown = post.post_media.select_related("media_object").order_by("position")
    media = [one.media_object for one in shown]
    return post_events.uploaded(post, media, now=post.posted_at, trace_id="t")


def analyzes(post):
    """The analysis of a post as a thread would do it, again and again while it is put off."""
    event = event_of(post)

    def work():
        analyze.analyze_post(event, now=timezone.now())

    return work


def books() -> tuple[int, int]:
    """Tokens used and reserved, over all tenants and days."""
    rows = TokenBudget.objects.values_list("used_tokens", "reserved_tokens")
    return sum(u for u, _ in rows), sum(r for _, r in rows)


def in_looks() -> int:
    return sum(PictureLook.objects.values_list("total_tokens", flat=True))


def with_settings(current, **changes):
    """Settings are frozen: a copy with changes."""
    return current.model_copy(update=changes)
