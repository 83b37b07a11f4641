"""
Run the pipeline over many batches: while the rows of one batch are written, the files of the
next are uploaded, so that PostgreSQL and the store work at the same time.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor
from functools import cache, partial

from django.db import DataError, IntegrityError, InternalError, OperationalError, connection
from django.utils import timezone
from psycopg.errors import DiskFull, IoError, ReadOnlySqlTransaction, UndefinedFile

from accounts.models import Tenant
from events.errors import DomainError
from events.logs.describe import describe
from events.sentences import Sentence, gettext_noop
from media.history.record.origins import export_origin
from media.history.record.pins import record_pins
from media.models import Channel, ImportRun
from media.services.pipeline.batches import Batch
from media.services.pipeline.channels import save_channel
from media.services.pipeline.in_flight import InFlight, finish, start
from media.services.pipeline.plan import BatchOutcome
from media.services.pipeline.upload import upload_pool
from media.sources.port import Chat, Problem, Source

_REFUSALS = (
    DataError,
    IntegrityError,
    InternalError,
    OperationalError,
    ValueError,  # pydantic's ValidationError, and text that psycopg cannot encode
    ArithmeticError,
    RecursionError,
)
"""What a message may raise where its values fit no column or no event."""
_FAULT_OF_NO_MESSAGE = (DiskFull, IoError, ReadOnlySqlTransaction, UndefinedFile)
_Queue = deque[tuple[Batch, InFlight | None]]
"""Batches in flight, the oldest first; None for a batch without messages."""
_UNSTORABLE = Sentence(gettext_noop("it cannot be stored: %(why)s"))


def import_batches(
    source: Source,
    batches: Iterable[Batch],
    *,
    tenant: Tenant,
    run: ImportRun | None = None,
    is_ready: Callable[[Batch], bool] = lambda _: True,
    meanwhile: Callable[[], None] = lambda: None,
) -> Generator[tuple[Batch, BatchOutcome], None, None]:
    """
    Import the batches; yield each with its outcome once its rows are committed.

    Whatever ends the import early, no more than two batches have to be done again. Where the store
    is full, what it had room for is kept, and StoreFull is raised after that. `run` is remembered
    as what brought each source. `is_ready` says whether the files of a batch are here: else those
    before it are written while it waits for them. `meanwhile` is called whenever PostgreSQL or
    the store works for some time and this thread does not: once or more for each batch.
    """
    queue: _Queue = deque()
    full: DomainError | None = None
    channel_of = cache(partial(save_channel, tenant=tenant))  # once a chat, not once a batch
    with upload_pool() as pool:
        try:
            for batch in batches:
                if queue and not is_ready(batch):
                    yield (done := _finish_oldest(queue))
                    full = done[1].stopped_by
                    if full:
                        break
                pending = _pending_contents(queue)
                started = _start(source, batch, channel_of, pool, pending=pending, run=run)
                queue.append((batch, started))
                if len(queue) == 1:
                    meanwhile()
                else:
                    yield (done := _finish_oldest(queue, meanwhile))
                    full = done[1].stopped_by
                if full:
                    break
            while queue:
                yield (done := _finish_oldest(queue))
                full = full or done[1].stopped_by
            if full:
                raise full
        finally:
            # Batches are left here only where the import ends early: their bytes are given back.
            for _, left in queue:
                if left is not None:
                    left.uploads.abandon()


def _pending_contents(queue: _Queue) -> frozenset[str]:
    """SHA-256 of what the newest batch in flight uploads."""
    newest = queue[-1][1] if queue else None
    return newest.uploads.contents if newest else frozenset()


def _start(
    source: Source,
    batch: Batch,
    channel_of: Callable[[Chat], Channel],
    pool: Executor,
    *,
    pending: frozenset[str],
    run: ImportRun | None,
) -> InFlight | None:
    if batch.chat is None:
        return None
    channel = channel_of(batch.chat)
    if not batch.messages:
        record_pins(channel, batch.stretch.pins)
        return None
    now = timezone.now()
    return start(
        source,
        channel=channel,
        messages=batch.messages,
        as_of=batch.chat.as_of,
        origin=batch.origin or export_origin(batch.chat.as_of, now=now, chat=batch.chat, run=run),
        stretch=batch.stretch,
        pool=pool,
        pending=pending,
        now=now,
    )


def _finish_oldest(
    queue: _Queue, meanwhile: Callable[[], None] = lambda: None
) -> tuple[Batch, BatchOutcome]:
    # Taken out first: `finish` releases the reservations of a batch by itself where it fails.
    batch, in_flight = queue.popleft()
    return batch, _finish_by_halves(in_flight, meanwhile) if in_flight else BatchOutcome()


def _finish_by_halves(
    batch: InFlight, meanwhile: Callable[[], None] = lambda: None
) -> BatchOutcome:
    """
    Finish a batch; where the database refuses it, finish each half, down to single messages.

    So one message that cannot be stored becomes a problem, and all the others are imported.
    """
    try:
        return finish(batch, meanwhile)
    except _REFUSALS as error:
        # A database that is gone or full is the fault of no message: that stops the import.
        if isinstance(error.__cause__, _FAULT_OF_NO_MESSAGE) or not connection.is_usable():
            raise
        if len(batch.messages) == 1:
            described = describe(error).partition("\n")[0]
            detail = _UNSTORABLE % {"why": described}
            [message] = batch.messages
            return BatchOutcome(problems=[Problem("unstorable", detail, message.message_id)])
    half = len(batch.messages) // 2
    outcome = _finish_by_halves(batch.restart(batch.messages[:half]))
    rest = _finish_by_halves(batch.restart(batch.messages[half:]))
    outcome.stopped_by = outcome.stopped_by or rest.stopped_by
    outcome.counts.update(rest.counts)
    outcome.problems += rest.problems
    return outcome
