"""What an admission has to know, read in the tenant's turn by one round trip (`one_trip`)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts import tenants
from accounts.models import Tenant
from events.postgresql import one_trip
from vision.analysis import claims
from vision.analysis.claims import AnalysisRequest
from vision.duplicates import reuse
from vision.duplicates.detection import Duplicates
from vision.limits import budget, ceiling, circuit_breaker
from vision.models import PaidAnalysis, ProviderHealth, TokenBudget
from vision.providers.port import VisionProvider


@dataclass(frozen=True, slots=True)
class Facts:
    """
    The state of things in the tenant's turn.

    `row` is that of the picture, locked, or a new one that is not saved yet. `is_any_near`: a
    picture of a similar hash has an analysis or a claim. `day` is the locked row of the budget,
    None before the first call of the day; `most` is what the most expensive call has cost. `tenant`
    has its settings as they are now: a picture may have waited for minutes since its post was read.
    """

    row: PaidAnalysis
    is_any_near: bool
    health: ProviderHealth | None
    day: TokenBudget | None
    most: int
    tenant: Tenant


def read(
    request: AnalysisRequest, provider: VisionProvider, duplicates: Duplicates, *, now: datetime
) -> Facts:
    """Wait for the tenant's turn, which lasts as long as the transaction, and read."""
    new = claims.new_row(request, provider)
    # In the order in which locks are taken, see `vision.analysis.claims`.
    _, rows, health, day, most, settings, *near = one_trip.fetch(
        one_trip.turn(budget.turn_of(request.post.tenant_id)),
        claims.row_to_lock(new),
        circuit_breaker.row_of(provider.name),
        budget.row_to_lock(request.post.tenant_id, budget.day_of(now)),
        # After the lock of the day: a call that settles has raised it, or still counts as reserved.
        ceiling.cost_of(provider.name, provider.model),
        tenants.to_read(request.post.tenant),
        *_nearness(new, duplicates),
    )
    [row, *_] = [*one_trip.objects(PaidAnalysis, rows, without=["analysis"]), new]
    return Facts(
        row=claims.requested(row, request),
        is_any_near=not near or bool(near[0]),
        health=next(iter(one_trip.objects(ProviderHealth, health)), None),
        day=_day(day),
        most=most[0][0] if most else 0,
        tenant=tenants.as_read(request.post.tenant, settings),
    )


def _nearness(new: PaidAnalysis, duplicates: Duplicates) -> list[one_trip.Statement]:
    if duplicates.phash is None:
        return []
    return [reuse.near_by_now(new, duplicates.phash)]


def _day(rows: one_trip.Rows) -> TokenBudget | None:
    found: list[Any] = one_trip.objects(TokenBudget, rows)
    for day, row in zip(found, rows, strict=True):
        day.other_days = row[-1]
        return day  # type: ignore[no-any-return]
    return None
