"""
Batch after batch into the archive. The files of the next batch are put while the rows of
this one are written: PostgreSQL and the store work at the same time.
"""

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass

from django.db import DataError, OperationalError, connection, transaction
from django.utils import timezone
from psycopg.errors import DiskFull

from accounts.models import Tenant
from media.models import Channel, channel_id
from media.services.pipeline.batches import Batch
from media.services.pipeline.in_flight import Prepared, finish, prepare
from media.services.pipeline.plan import Outcome, plan
from media.services.pipeline.upload import known_contents, putters
from media.sources.export.source import ExportSource
from media.sources.port import Chat, Problem


@dataclass(frozen=True, slots=True)
class Ahead:
    """A batch whose rows are still to be written. `prepared` is None where it has no messages."""

    batch: Batch
    prepared: Prepared | None = None

    @property
    def coming(self) -> frozenset[str]:
        return self.prepared.storing.coming if self.prepared else frozenset()

    def settle(self) -> Outcome:
        return _settled(self.prepared) if self.prepared else Outcome()

    def abandon(self) -> None:
        if self.prepared:
            self.prepared.storing.abandon()


def taken_over(
    source: ExportSource, batches: Iterable[Batch], *, tenant: Tenant
) -> Generator[tuple[Batch, Outcome], None, None]:
    """
    Each batch with what became of it, once its rows are committed.

    Whatever ends the import early, no more than two batches have to be done again.
    """
    ahead: deque[Ahead] = deque()
    with putters() as pool:
        try:
            for batch in batches:
                coming = ahead[-1].coming if ahead else frozenset()
                ahead.append(_prepare(source, batch, tenant=tenant, pool=pool, coming=coming))
                if len(ahead) > 1:
                    yield _next(ahead)
            while ahead:
                yield _next(ahead)
        finally:
            for one in ahead:
                one.abandon()


def _next(ahead: deque[Ahead]) -> tuple[Batch, Outcome]:
    first = ahead.popleft()
    return first.batch, first.settle()


def foretell(source: ExportSource, batch: Batch, *, tenant: Tenant) -> Outcome:
    """The plan of the batch in figures; contents that repeat in later batches count again."""
    if batch.chat is None or not batch.messages:
        return Outcome()
    planned = plan(source, channel=_as_described(batch.chat, tenant), messages=batch.messages)
    counts = planned.outcome.counts
    known = known_contents(tenant, planned.blobs)
    fresh = {b.sha256: b.size_bytes for b in planned.blobs if b.sha256 not in known}
    counts["new_or_updated"] += len(planned.incoming)
    counts["media_stored"] += len(fresh)
    counts["bytes_stored"] += sum(fresh.values())
    counts["duplicates"] += len(planned.blobs) - len(fresh)
    return planned.outcome


def _prepare(
    source: ExportSource, batch: Batch, *, tenant: Tenant, pool: Executor, coming: frozenset[str]
) -> Ahead:
    if batch.chat is None:
        return Ahead(batch)
    channel = _channel(batch.chat, tenant=tenant)
    if not batch.messages:
        return Ahead(batch)
    now = timezone.now()
    return Ahead(
        batch,
        prepare(
            source, channel=channel, messages=batch.messages, pool=pool, coming=coming, now=now
        ),
    )


def _settled(prepared: Prepared) -> Outcome:
    """
    What the database refuses is narrowed down to its message, by halves; the others come in.

    A database that is gone or full is no message's fault: that stops the import.
    """
    try:
        return finish(prepared)
    except (DataError, OperationalError) as error:
        if isinstance(error.__cause__, DiskFull) or not connection.is_usable():
            raise
        if len(prepared.messages) == 1:
            detail = f"the database refuses it: {str(error).splitlines()[0]}"
            [message] = prepared.messages
            return Outcome(problems=[Problem("unstorable", detail, message.message_id)])
    half = len(prepared.messages) // 2
    outcome = _settled(prepared.again(prepared.messages[:half]))
    rest = _settled(prepared.again(prepared.messages[half:]))
    outcome.counts.update(rest.counts)
    outcome.problems += rest.problems
    return outcome


def _as_described(chat: Chat, tenant: Tenant) -> Channel:
    return Channel(
        id=channel_id(tenant.pk, chat.tg_channel_id),
        tenant=tenant,
        tg_channel_id=chat.tg_channel_id,
        username=chat.username[:64],
        title=chat.title[:255],
        kind=chat.kind[:32],
    )


def _channel(chat: Chat, *, tenant: Tenant) -> Channel:
    channel = _as_described(chat, tenant)
    with transaction.atomic():
        stored, created = Channel.objects.get_or_create(
            pk=channel.pk,
            defaults={
                name: getattr(channel, name)
                for name in ("tenant", "tg_channel_id", "username", "title", "kind")
            },
        )
        if not created and chat.title and stored.title != channel.title:
            stored.title = channel.title
            stored.save(update_fields=["title"])
    stored.tenant = tenant
    return stored
