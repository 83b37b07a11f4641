"""The figures on the console's first page."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Model, QuerySet, Sum
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from accounts.access import Action, User, may_everywhere, visible
from albums.models import MediaGroup
from events.console import list_of
from events.models import OPEN_STATES, DeadLetter, Delivery, DeliveryState
from media.models import MediaObject, Post
from storage_quota.integrity.health import Condition, health
from storage_quota.models import BucketState, ContentType, IntegrityCheck, TenantUsage
from storage_quota.object_store import warnings
from storage_quota.selectors import bucket_usage
from vision.admin.usage import STATES
from vision.limits import circuit_breaker
from vision.models import AnalysisState, PaidAnalysis, ProviderHealth
from vision.selectors import PROVIDER

EXACT_UP_TO: Final = 50_000
"""Rows of bigger tables are estimated: counting a million takes PostgreSQL a tenth of a second."""
KEPT_SECONDS: Final = 60
"""How long a large count is kept in the shared cache."""

_CONDITIONS: Final = {
    Condition.NEVER: _("not yet"),
    Condition.SOUND: _("sound"),
    Condition.PROBLEMS: _("differences: %(count)s"),
    Condition.STALE: _("too long ago"),
    Condition.FAILED: _("could not be done"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its label and the address of the list behind it."""

    label: StrPromise
    value: str
    address: str
    alarming: bool = False


def figures(user: User) -> list[Figure]:
    """
    Return the figures of what this user may see; takes twelve small queries at most.

    Who may not see every tenant gets no figures of the bucket and the workers, which all share.
    """
    if not may_everywhere(user, Action.VIEW):
        return [*_archive(user), *_own_storage(user), *_deliveries(user), *_backlog(user)]
    return [
        *_archive(user), *_bucket(), *_integrity(), *_deliveries(user), *_provider(), *_backlog(user)
    ]  # fmt: skip


def _archive(user: User) -> Iterator[Figure]:
    yield Figure(_("posts"), _rows(Post, user), list_of(Post))
    yield Figure(_("albums"), _rows(MediaGroup, user), list_of(MediaGroup))


def _own_storage(user: User) -> Iterator[Figure]:
    usage = TenantUsage.objects.visible_to(user).aggregate(total=Sum("total_bytes"))
    yield Figure(_("media"), _rows(MediaObject, user), list_of(MediaObject))
    yield Figure(
        _("in your part of the bucket"), filesizeformat(usage["total"] or 0), list_of(TenantUsage)
    )


def _bucket() -> Iterator[Figure]:
    """Read the ledger, which holds all of these sums: nothing is counted."""
    usage = bucket_usage()
    used, limit = usage.taken_bytes, settings.LIMITS.total_bytes
    media = usage.by_type[ContentType.MEDIA].objects_count
    yield Figure(_("media"), _number(media), list_of(MediaObject))
    yield Figure(
        _("in the bucket"),
        f"{filesizeformat(used)} / {filesizeformat(limit)}",
        list_of(TenantUsage),
        alarming=used >= settings.LIMITS.emergency_bytes,
    )
    yield from _server(usage.server)


def _server(found: BucketState | None) -> Iterator[Figure]:
    """Show what is wrong with the bucket's server; nothing where all is well."""
    if found is None:
        return
    label, address = _("bucket’s server"), list_of(BucketState)
    if found.lacks:
        words = _("lacks: %(operations)s") % {"operations": warnings.lacking(found)}
        yield Figure(label, words, address, alarming=True)
    if found.keeps_old:
        words = _("keeps old versions: %(size)s") % {"size": filesizeformat(found.old_bytes)}
        yield Figure(label, words, address, alarming=not found.expires_old)


def _integrity() -> Iterator[Figure]:
    """Show the last check; also one that is overdue or could not be done is alarming."""
    state = health(now=timezone.now())
    words = _CONDITIONS[state.condition] % {"count": _number(state.problems)}
    label = _("check of the storage")
    if state.checked_at:
        words = f"{words} · {date_format(localtime(state.checked_at), 'SHORT_DATE_FORMAT')}"
    yield Figure(label, words, list_of(IntegrityCheck), alarming=state.is_alarming)


def _deliveries(user: User) -> Iterator[Figure]:
    """Count open and dead deliveries, for both of which there are partial indexes."""
    everything = may_everywhere(user, Action.VIEW)
    seen = visible(Delivery.objects.order_by(), user)
    waiting = _waiting() if everything else _count(seen.filter(state__in=OPEN_STATES))
    dead = seen.filter(state=DeliveryState.DEAD).count()
    yield Figure(_("tasks in the queue"), _number(waiting), list_of(Delivery))
    yield Figure(_("failed tasks"), _number(dead), list_of(DeadLetter), alarming=dead > 0)


def _provider() -> Iterator[Figure]:
    """Show that GigaChat is not asked now; nothing where all is well."""
    if not settings.GIGACHAT.configured:
        return
    row = ProviderHealth.objects.filter(provider=PROVIDER).first()
    found = circuit_breaker.state(row, now=timezone.now())
    if found != "closed":
        yield Figure(_("GigaChat"), str(STATES[found]), list_of(ProviderHealth), alarming=True)


def _backlog(user: User) -> Iterator[Figure]:
    """Show how many pictures wait for tokens, or for GigaChat; nothing where none does."""
    if not settings.GIGACHAT.configured:
        return
    waiting = _count(
        visible(PaidAnalysis.objects.order_by(), user).filter(state=AnalysisState.WAITING)
    )
    if waiting:
        address = f"{list_of(PaidAnalysis)}?state__exact={AnalysisState.WAITING}"
        yield Figure(_("pictures waiting for GigaChat"), _number(waiting), address)


def _waiting() -> int:
    """
    Count open deliveries. The import of a large channel leaves a million of them.

    Above EXACT_UP_TO, the number may be KEPT_SECONDS old: all processes share one count.
    """
    waiting = Delivery.objects.filter(state__in=OPEN_STATES).order_by()
    count = waiting.values("pk")[: EXACT_UP_TO + 1].count()  # stops there, so it is quick
    if count <= EXACT_UP_TO:
        return count
    return cache.get_or_set("dashboard.waiting", waiting.count, KEPT_SECONDS) or count


def _rows(model: type[Model], user: User) -> str:
    estimate = _estimate(model._meta.db_table)  # noqa: SLF001 - Django's public name for it
    if estimate > EXACT_UP_TO and may_everywhere(user, Action.VIEW):
        return f"≈ {_number(estimate)}"
    count = _count(visible(model._default_manager.order_by(), user))  # noqa: SLF001 - see above
    return _number(count) if count <= EXACT_UP_TO else f"> {_number(EXACT_UP_TO)}"


def _count(rows: QuerySet[Any]) -> int:
    """Count up to one more than EXACT_UP_TO, which is quick in a table of any size."""
    return rows.values("pk")[: EXACT_UP_TO + 1].count()


def _estimate(table: str) -> int:
    """Return the number of rows at the last ANALYZE; −1 before the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [table])
        return int(cursor.fetchone()[0])


def _number(value: int) -> str:
    return number_format(value, force_grouping=True)
