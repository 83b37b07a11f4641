"""Tag posts again that are chosen by a filter: the preview, and the run."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet, Sum

from accounts import audit
from accounts.models import Tenant
from events.postgresql import keyset
from media.models import Post
from vision.limits.forecast import roubles_of
from vision.models import EnrichmentKind, PostEnrichment, TagAnswer
from vision.tagging import run
from vision.tagging.asked import ask
from vision.tagging.asked.forecast import cost_of
from vision.tagging.local import TOO_SHORT, LocalTagger
from vision.tagging.port import PROVIDER

BATCH: Final = 100

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Choice:
    """
    Filters for posts; an empty field does not filter, `limit` takes the newest posts.

    `stood_in`: those that the local tagger has tagged because the other one had no answer.
    """

    tenant_id: UUID | None = None
    channel_ids: Sequence[UUID] = ()
    post_ids: Sequence[UUID] = ()
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None
    stood_in: bool = False


@dataclass(frozen=True, slots=True)
class Forecast:
    """
    What a run would take: `asked` posts cost tokens, the others are tagged by this machine.

    `reason` says why none is asked about although the tenant, or TAGGER, asks for it.
    """

    posts: int
    provider: str
    model: str
    asked: int = 0
    tokens: int = 0
    roubles: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Retagged:
    """
    What a run did: the posts, those that have other tags now, and the taggers that tagged.

    `reasons` says of how many posts why the local tagger stood in. `tokens` were used meanwhile.
    """

    posts: int
    changed: int
    taggers: Mapping[str, int]
    reasons: Mapping[str, int]
    tokens: int
    roubles: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def forecast(choice: Choice) -> Forecast:
    count = posts(choice).count()
    most = count if choice.limit is None else min(count, choice.limit)
    if not _is_asked(choice):
        return Forecast(most, LocalTagger.name, LocalTagger.model)
    if not settings.GIGACHAT.configured:
        return Forecast(most, LocalTagger.name, LocalTagger.model, reason=ask.NOT_CONFIGURED)
    cost = cost_of([post.pk for post in page] for page in _pages(choice))
    return Forecast(most, PROVIDER, ask.model_name(), cost.asked, cost.tokens, cost.roubles)


def _is_asked(choice: Choice) -> bool:
    """Whether a tenant of the posts can have its posts tagged for tokens."""
    if choice.tenant_id is None:
        return ask.is_on_somewhere()
    return ask.is_on(Tenant.objects.get(pk=choice.tenant_id))


def _pages(choice: Choice) -> Iterator[Sequence[Post]]:
    rows = posts(choice).only("posted_at")
    yield from keyset.pages(rows, "-posted_at", "-id", size=BATCH, limit=choice.limit)


def posts(choice: Choice) -> QuerySet[Post]:
    bounds: dict[str, Any] = {
        "tenant": choice.tenant_id,
        "channel__in": choice.channel_ids,
        "pk__in": choice.post_ids,
        "posted_at__gte": choice.since,
        "posted_at__lt": choice.until,
    }
    found = Post.objects.filter(**{lookup: value for lookup, value in bounds.items() if value})
    return found.filter(pk__in=stood_in().values("post")) if choice.stood_in else found


def stood_in() -> QuerySet[PostEnrichment]:
    """The tags that the local tagger found because the other one had no answer."""
    rows = PostEnrichment.objects.filter(kind=EnrichmentKind.TAGS, provider=LocalTagger.name)
    return rows.exclude(data__metadata__reason__in=["", TOO_SHORT])


def retag(choice: Choice, *, now: datetime, progress: Progress = lambda _: None) -> Retagged:
    """
    Tag the posts again, newest first; returns who tagged how many, and how many changed.

    May be cut off and repeated: what is tagged already does not change again, and what was
    answered is not asked again.
    """
    tagged = changed = 0
    by: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    tokens = 0
    tenant = Tenant.objects.filter(pk=choice.tenant_id).first() if choice.tenant_id else None
    told = {name: value for name, value in asdict(choice).items() if value}
    with audit.recorded("retagging", tenant=tenant, before=told) as figures:
        for page in _pages(choice):
            ids = [post.pk for post in page]
            before = _tokens(ids)
            changed += run.tag_again(ids, now=now)
            tagged, tokens = tagged + len(ids), tokens + _tokens(ids) - before
            _count(ids, by, reasons)
            progress(len(ids))
        figures.update(posts=tagged, changed=changed, tokens=tokens, taggers=dict(by))
    roubles = roubles_of(tokens, ask.model_name())
    return Retagged(tagged, changed, dict(by), dict(reasons), tokens, roubles)


def _tokens(post_ids: Collection[UUID]) -> int:
    """What the answers about these posts have cost so far."""
    rows = TagAnswer.objects.filter(post__in=post_ids)
    return rows.aggregate(total=Sum("tokens"))["total"] or 0


def _count(post_ids: Collection[UUID], by: Counter[str], reasons: Counter[str]) -> None:
    rows = PostEnrichment.objects.filter(post__in=post_ids, kind=EnrichmentKind.TAGS)
    for provider, reason in rows.values_list("provider", "data__metadata__reason"):
        by[provider] += 1
        if reason:
            reasons[reason] += 1
