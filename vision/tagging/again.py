"""Tag posts again that are chosen by a filter: the preview, and the run."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from accounts import audit
from accounts.models import Tenant
from events.postgresql import keyset
from media.models import Post
from vision.tagging import run

BATCH: Final = 100

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Choice:
    """Filters for posts; an empty field does not filter, `limit` takes the newest posts."""

    tenant_id: UUID | None = None
    channel_ids: Sequence[UUID] = ()
    post_ids: Sequence[UUID] = ()
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would take: the tagger of this machine costs neither tokens nor roubles."""

    posts: int
    provider: str
    model: str
    tokens: int = 0
    roubles: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def forecast(choice: Choice) -> Forecast:
    count, asked = posts(choice).count(), run.tagger()
    most = count if choice.limit is None else min(count, choice.limit)
    return Forecast(most, asked.name, asked.model)


def posts(choice: Choice) -> QuerySet[Post]:
    bounds: dict[str, Any] = {
        "tenant": choice.tenant_id,
        "channel__in": choice.channel_ids,
        "pk__in": choice.post_ids,
        "posted_at__gte": choice.since,
        "posted_at__lt": choice.until,
    }
    return Post.objects.filter(**{lookup: value for lookup, value in bounds.items() if value})


def retag(choice: Choice, *, now: datetime, progress: Progress = lambda _: None) -> tuple[int, int]:
    """
    Tag the posts again, newest first; returns how many were tagged and how many changed.

    May be cut off and repeated: what is tagged already does not change again.
    """
    tagged = changed = 0
    tenant = Tenant.objects.filter(pk=choice.tenant_id).first() if choice.tenant_id else None
    told = {name: value for name, value in asdict(choice).items() if value}
    with audit.recorded("retagging", tenant=tenant, before=told) as figures:
        rows = posts(choice).only("posted_at")
        for page in keyset.pages(rows, "-posted_at", "-id", size=BATCH, limit=choice.limit):
            changed += run.tag_again([post.pk for post in page], now=now)
            tagged += len(page)
            progress(len(page))
        figures.update(posts=tagged, changed=changed)
    return tagged, changed
