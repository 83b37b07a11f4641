"""What another look at a selection costs, before anybody is asked."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from accounts.models import Tenant
from storage_quota.models import StoredObject
from vision import providers
from vision.analysis import cache
from vision.limits import budget, prices
from vision.limits.budget import Ceilings, Estimate, Spent
from vision.models import LookState, PictureLook
from vision.policy import decision as policy
from vision.policy import language
from vision.policy.decision import Candidate, Decision
from vision.policy.loader import current_policy
from vision.policy.schema import VisionPolicy
from vision.providers.port import SCHEMA_VERSION, PaidVision
from vision.reanalysis.selection import Selection, Shown, batches

LONGEST: Final = 3653
"""Days: what takes more than ten years is never done."""
DIGEST_BYTES: Final = 16
"""Enough of a SHA-256 to tell pictures apart; a million of them take about 100 MB."""

Progress = Callable[[int], None]


@dataclass(slots=True)
class Pictures:
    """
    Distinct pictures of one tenant, by what would become of them.

    `paid_before`: the result of the current model and schema is there and costs nothing.
    `refused_before`: the provider said a definite no; not asked again unless that is wanted.
    """

    total: int = 0
    to_pay: int = 0
    paid_before: int = 0
    refused_before: int = 0
    to_read: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """
    Tokens and roubles are expected, not promised; `days` counts from today (0), None is never.

    `days` includes the pictures that wait already. `waits`: what today's tokens are not enough
    for waits for those of the next days; otherwise the run is to be repeated.
    """

    posts: int
    pictures: dict[str, int]
    provider: str
    model: str
    tokens_a_picture: float
    tokens: int
    cost_roubles: float
    days: int | None
    waits: bool

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class _Count:
    """What is found of one tenant while the posts go by."""

    tenant: Tenant
    rules: VisionPolicy
    tokens_today: int
    seen: set[bytes] = field(default_factory=set)
    pictures: Pictures = field(default_factory=Pictures)


def forecast(
    selection: Selection, *, retry_refused: bool, now: datetime, progress: Progress | None = None
) -> Forecast:
    """
    Raises PolicyRefused where the policy cannot be used. Reads all posts once, a batch at a time.

    Near-duplicates may make it cheaper: what is alike is known only when it is looked at.
    """
    paid = providers.get_gigachat()
    counts: dict[UUID, _Count] = {}
    posts = 0
    for batch in batches(selection):
        for tenant, shown in _by_tenant(batch):
            count = counts.setdefault(tenant.pk, _new_count(tenant, paid, now=now))
            _count(count, shown, paid, retry_refused=retry_refused)
        posts += len(batch)
        if progress:
            progress(len(batch))
    return _summed(posts, list(counts.values()), paid, now=now)


def days_needed(
    tokens: int, *, most: int, limits: Ceilings, spent: Spent, today: date
) -> int | None:
    """UTC days until `tokens` of old posts are used, if nothing else came. Pure."""
    day, month, at = spent.day, spent.month, today
    for number in range(LONGEST):
        free = budget.room(Spent(day, month), limits, live=False)
        if free is None or tokens <= free:
            return number
        usable = max(0, free - most + 1)  # the last picture of a day needs its whole estimate
        tokens, month = tokens - usable, month + usable
        tomorrow = at + timedelta(days=1)
        day, month = 0, month if tomorrow.month == at.month else 0
        at = tomorrow
    return None


def _by_tenant(batch: Iterable[Shown]) -> Iterable[tuple[Tenant, list[Shown]]]:
    groups: dict[UUID, list[Shown]] = {}
    for shown in batch:
        groups.setdefault(shown.post.tenant_id, []).append(shown)
    return [(group[0].post.tenant, group) for group in groups.values()]


def _new_count(tenant: Tenant, paid: PaidVision | None, *, now: datetime) -> _Count:
    tokens_today = budget.spent(tenant, now).day if paid else 0
    return _Count(tenant, current_policy(tenant), tokens_today)


def _count(
    count: _Count, batch: Sequence[Shown], paid: PaidVision | None, *, retry_refused: bool
) -> None:
    costly: list[str] = []
    for shown in batch:
        for decision, media in zip(_decide(count, shown, paid), shown.media, strict=True):
            digest = bytes.fromhex(decision.sha256)[:DIGEST_BYTES]
            if digest in count.seen:
                continue
            count.seen.add(digest)
            count.pictures.total += 1
            is_image = policy.mime_key(media.mime) in count.rules.allowed_mime_types.images
            if decision.skip or not is_image:
                count.pictures.left_out += 1
            elif decision.use_ocr or paid is None:
                count.pictures.to_read += 1
            else:
                costly.append(decision.sha256)
    if paid is not None and costly:
        _count_costly(count, costly, paid, retry_refused=retry_refused)


def _decide(count: _Count, shown: Shown, paid: PaidVision | None) -> list[Decision]:
    return policy.decide_post(
        count.rules,
        channel=shown.post.channel.username,
        files=[Candidate(m.file_sha256, m.mime, m.size_bytes) for m in shown.media],
        vision_available=paid is not None,
        language=language.detect(shown.post.content),
        is_album=shown.post.grouped_id is not None,
        tokens_used_today=count.tokens_today,
    )


def _count_costly(
    count: _Count, contents: Sequence[str], paid: PaidVision, *, retry_refused: bool
) -> None:
    looks = PictureLook.objects.filter(
        tenant=count.tenant, sha256__in=contents, provider=paid.name, model=paid.model,
        schema_version=SCHEMA_VERSION,
    )  # fmt: skip
    states = dict(looks.values_list("sha256", "state"))
    keys = {cache.key_of(count.tenant.pk, sha256, paid): sha256 for sha256 in contents}
    kept = StoredObject.objects.filter(key__in=keys).values_list("key", flat=True)
    known = {keys[key] for key in kept}
    for sha256 in contents:
        if states.get(sha256) == LookState.DONE or sha256 in known:
            count.pictures.paid_before += 1
        elif states.get(sha256) == LookState.FAILED and not retry_refused:
            count.pictures.refused_before += 1
        else:
            count.pictures.to_pay += 1


def _summed(
    posts: int, counts: Sequence[_Count], paid: PaidVision | None, *, now: datetime
) -> Forecast:
    fields = Pictures.__dataclass_fields__
    pictures = {name: sum(getattr(c.pictures, name) for c in counts) for name in fields}
    name, model = (paid.name, paid.model) if paid else ("ocr_fallback", providers.get_ocr().model)
    estimate = budget.estimate(name, model) if paid else Estimate(0, 0.0, 0)
    tokens = math.ceil(pictures["to_pay"] * estimate.mean)
    price = prices.roubles_per_1000(
        model, configured=settings.VISION.vision_price_rub_per_1000_tokens
    )
    days = [_days(count, estimate, now=now) for count in counts if count.pictures.to_pay]
    return Forecast(
        posts=posts,
        pictures=pictures,
        provider=name,
        model=model,
        tokens_a_picture=round(estimate.mean, 1),
        tokens=tokens,
        cost_roubles=round(tokens * price / 1000, 2),
        days=None if None in days else max((d for d in days if d is not None), default=0),
        waits=settings.VISION.vision_queue_when_exhausted,
    )


def _days(count: _Count, estimate: Estimate, *, now: datetime) -> int | None:
    """Of one tenant: budgets are apart, so tenants do not wait for each other."""
    waiting = PictureLook.objects.filter(tenant=count.tenant, state=LookState.WAITING).count()
    return days_needed(
        math.ceil((count.pictures.to_pay + waiting) * estimate.mean),
        most=estimate.most,
        limits=budget.ceilings(count.tenant, count.rules),
        spent=budget.spent(count.tenant, now),
        today=budget.day_of(now),
    )
