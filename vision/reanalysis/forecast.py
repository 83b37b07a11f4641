"""Forecasts what the reanalysis of a selection costs. Reads the database, calls no provider."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from accounts.models import Tenant
from storage_quota.models import StoredObject
from vision import providers
from vision.analysis import backlog, cache
from vision.analysis.recency import is_recent_post
from vision.limits import budget
from vision.limits.budget import Estimate
from vision.limits.forecast import PictureCount, days_of, roubles_of, tokens_of
from vision.models import AnalysisState, PaidAnalysis
from vision.policy import decision as policy
from vision.policy import language
from vision.policy.decision import Decision, FileFacts
from vision.policy.loader import current_policy
from vision.policy.routing import Route, route
from vision.policy.schema import VisionPolicy
from vision.providers.port import SCHEMA_VERSION, PaidVision
from vision.reanalysis.selection import PostWithMedia, Selection, batches

DIGEST_BYTES: Final = 16
"""A prefix of the SHA-256 is unique enough, and a million of them take about 100 MB."""

Progress = Callable[[int], None]


@dataclass(slots=True)
class PictureCounts:
    """
    Numbers of distinct pictures of one tenant, by what the reanalysis would do with them.

    `to_pay`: analyzed by the paid provider. `paid_before`: a result of the current model and schema
    exists and is reused. `refused_before`: the provider refused them for good; they are left out
    unless `retry_refused` is set. `to_read`: analyzed by OCR. `left_out`: skipped by the policy.
    """

    total: int = 0
    to_pay: int = 0
    paid_before: int = 0
    refused_before: int = 0
    to_read: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ReanalysisForecast:
    """
    The expected cost of a reanalysis.

    `days` is the number of UTC days until the last picture is analyzed, the backlog included; 0 is
    today, None is never. `waits`: pictures that exceed today's tokens join the backlog; otherwise
    the run has to be repeated on each of the `days`.
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
class _TenantCount:
    """The state of counting for one tenant."""

    tenant: Tenant
    rules: VisionPolicy
    tokens_today: int
    now: datetime
    seen: set[bytes] = field(default_factory=set)
    left_out: set[bytes] = field(default_factory=set)
    """Pictures that the policy leaves out in all posts so far; another post may have them analyzed."""
    pictures: PictureCounts = field(default_factory=PictureCounts)
    to_pay: PictureCount = field(default_factory=PictureCount)
    waiting: PictureCount = field(default_factory=PictureCount)
    """Pictures of the selection that are in the backlog already: part of `to_pay`."""


def forecast(
    selection: Selection, *, retry_refused: bool, now: datetime, progress: Progress | None = None
) -> ReanalysisForecast:
    """
    Count the pictures of the selection and estimate tokens, cost and days.

    Reads all posts once, batch by batch. Duplicates among the pictures can make the reanalysis
    cheaper than forecast: they are detected only during the analysis. Raises PolicyRefused where
    a tenant's policy cannot be used.
    """
    paid = providers.get_gigachat()
    counts: dict[UUID, _TenantCount] = {}
    posts = 0
    for batch in batches(selection):
        for tenant, posts_of_tenant in _by_tenant(batch):
            count = counts.setdefault(tenant.pk, _new_count(tenant, paid, now=now))
            _add(count, posts_of_tenant, paid, retry_refused=retry_refused)
        posts += len(batch)
        if progress:
            progress(len(batch))
    for count in counts.values():
        count.pictures.total = len(count.seen | count.left_out)
        count.pictures.left_out = len(count.left_out - count.seen)
    return _total(posts, list(counts.values()), paid, now=now)


def _by_tenant(batch: Iterable[PostWithMedia]) -> Iterable[tuple[Tenant, list[PostWithMedia]]]:
    groups: dict[UUID, list[PostWithMedia]] = {}
    for item in batch:
        groups.setdefault(item.post.tenant_id, []).append(item)
    return [(group[0].post.tenant, group) for group in groups.values()]


def _new_count(tenant: Tenant, paid: PaidVision | None, *, now: datetime) -> _TenantCount:
    tokens_today = budget.spent(tenant, now).day if paid else 0
    return _TenantCount(tenant, current_policy(tenant), tokens_today, now)


def _add(
    count: _TenantCount,
    batch: Sequence[PostWithMedia],
    paid: PaidVision | None,
    *,
    retry_refused: bool,
) -> None:
    """Count the pictures of a batch; those for the paid provider are looked up together."""
    costly: dict[str, bool] = {}  # whether a recent post shows the picture
    for item in batch:
        for decision, media in zip(_decide(count, item, paid), item.media, strict=True):
            digest = bytes.fromhex(decision.sha256)[:DIGEST_BYTES]
            if digest in count.seen:  # a picture that several posts show is paid for once
                continue
            chosen = route(decision, mime=media.mime, policy=count.rules, has_paid=paid is not None)
            if chosen not in {Route.PAID, Route.OCR}:
                count.left_out.add(digest)
                continue
            count.seen.add(digest)
            if chosen is Route.PAID:
                costly[decision.sha256] = is_recent_post(item.post.posted_at, at=count.now)
            else:
                count.pictures.to_read += 1
    if paid is not None and costly:
        _add_costly(count, costly, paid, retry_refused=retry_refused)


def _decide(count: _TenantCount, item: PostWithMedia, paid: PaidVision | None) -> list[Decision]:
    return policy.decide_post(
        count.rules,
        channel=item.post.channel.username,
        files=[FileFacts(m.file_sha256, m.mime, m.size_bytes) for m in item.media],
        vision_available=paid is not None,
        language=language.detect(item.post.content, named=count.rules.routing.skip_if_lang_not_in),
        is_album=item.post.grouped_id is not None,
        tokens_used_today=count.tokens_today,
    )


def _add_costly(
    count: _TenantCount, contents: Mapping[str, bool], paid: PaidVision, *, retry_refused: bool
) -> None:
    looks = PaidAnalysis.objects.filter(
        tenant=count.tenant, sha256__in=contents, provider=paid.name, model=paid.model,
        schema_version=SCHEMA_VERSION,
    )  # fmt: skip
    # Those that were in no post any more are in one again.
    looks = looks.exclude(state=AnalysisState.FAILED, error_class=backlog.POST_GONE)
    rows = {
        sha: (state, recent)
        for sha, state, recent in looks.values_list("sha256", "state", "is_recent")
    }
    keys = {cache.key_of(count.tenant.pk, sha256, paid): sha256 for sha256 in contents}
    # A result in the bucket counts although its row is missing: the analysis takes it from there.
    kept = StoredObject.objects.filter(key__in=keys).values_list("key", flat=True)
    known = {keys[key] for key in kept}
    for sha256, is_recent in contents.items():
        state, was_recent = rows.get(sha256, ("", False))
        if state == AnalysisState.DONE or sha256 in known:
            count.pictures.paid_before += 1
        elif state == AnalysisState.FAILED and not retry_refused:
            count.pictures.refused_before += 1
        else:
            count.pictures.to_pay += 1
            one = PictureCount(recent=1) if is_recent or was_recent else PictureCount(backfill=1)
            count.to_pay += one
            if state == AnalysisState.WAITING:
                # Its backlog entry has its own `is_recent`: the two are subtracted as they count.
                count.waiting += PictureCount(recent=1) if was_recent else PictureCount(backfill=1)


def _total(
    posts: int, counts: Sequence[_TenantCount], paid: PaidVision | None, *, now: datetime
) -> ReanalysisForecast:
    fields = PictureCounts.__dataclass_fields__
    pictures = {name: sum(getattr(c.pictures, name) for c in counts) for name in fields}
    name, model = (paid.name, paid.model) if paid else ("ocr_fallback", providers.get_ocr().model)
    estimates = [budget.estimate(name, model, count.rules) for count in counts] if paid else []
    estimate = estimates[0] if estimates else Estimate(0, 0.0, 0)  # the mean is that of all tenants
    tokens = tokens_of(pictures["to_pay"], estimate)
    days = [
        _days(count, estimate, now=now)
        for count, estimate in zip(counts, estimates, strict=False)
        if count.pictures.to_pay
    ]
    return ReanalysisForecast(
        posts=posts,
        pictures=pictures,
        provider=name,
        model=model,
        tokens_a_picture=round(estimate.mean, 1),
        tokens=tokens,
        cost_roubles=roubles_of(tokens, model),
        days=None if None in days else max((d for d in days if d is not None), default=0),
        waits=settings.VISION.vision_queue_when_exhausted,
    )


def _days(count: _TenantCount, estimate: Estimate, *, now: datetime) -> int | None:
    """Days for one tenant: each has a budget of its own, so tenants do not wait for each other."""
    waiting = backlog.count_waiting(count.tenant.pk)
    others = PictureCount(
        waiting.recent - count.waiting.recent, waiting.backfill - count.waiting.backfill
    )
    return days_of(
        count.to_pay + others, tenant=count.tenant, policy=count.rules, estimate=estimate, now=now
    )
