"""The state of one batch between its plan and its commit, and how it is repeated."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from media import metrics
from media.history.record.origins import Origin, export_origin
from media.models import Channel
from media.services.pipeline import history
from media.services.pipeline.batches import Stretch
from media.services.pipeline.commit import commit
from media.services.pipeline.commit_media import MediaVanished
from media.services.pipeline.confirm import PostsChanged
from media.services.pipeline.plan import BatchOutcome, BatchPlan, plan_batch
from media.services.pipeline.upload import PendingUploads, start_uploads, upload_pool
from media.sources.port import Message, Source
from storage_quota import services

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class InFlight:
    """
    A batch that is planned and whose files are on their way into the bucket.

    Its bytes are reserved: the caller ends it with `finish` or with `uploads.abandon`.
    """

    source: Source
    channel: Channel
    messages: Sequence[Message]
    plan: BatchPlan
    uploads: PendingUploads
    pool: Executor
    now: datetime
    origin: Origin
    stretch: Stretch
    began: float = field(default_factory=time.monotonic)

    def restart(self, messages: Sequence[Message] | None = None) -> "InFlight":
        """Plan and upload again, all messages or a part of them: what was known has changed."""
        return start(
            self.source,
            channel=self.channel,
            messages=self.messages if messages is None else messages,
            pool=self.pool,
            as_of=self.plan.as_of,
            origin=self.origin,
            stretch=self.stretch,
            # With the time of the first attempt a reservation might be made already expired.
            now=self.now + timedelta(seconds=time.monotonic() - self.began),
        )


def import_messages(
    source: Source, *, channel: Channel, messages: Sequence[Message], now: datetime
) -> BatchOutcome:
    """Import one batch from its plan to its commit."""
    with upload_pool() as pool:
        return finish(start(source, channel=channel, messages=messages, pool=pool, now=now))


def start(
    source: Source,
    *,
    channel: Channel,
    messages: Sequence[Message],
    pool: Executor,
    as_of: str = "",
    origin: Origin | None = None,
    stretch: Stretch | None = None,
    pending: frozenset[str] = frozenset(),
    now: datetime,
) -> InFlight:
    """
    Plan a batch and start its uploads. `as_of`: see `plan_batch`; `pending`: `start_uploads`.

    `origin` is the source as the history knows it: by default the export of this age. `stretch`
    are the ids of the whole batch, also where only a part of it is started again.
    """
    plan = plan_batch(source, channel=channel, messages=messages, as_of=as_of)
    uploads = start_uploads(
        source,
        tenant=channel.tenant,
        blobs=plan.blobs,
        stored=plan.contents,
        kept=plan.kept,
        pool=pool,
        pending=pending,
        now=now,
    )
    return InFlight(
        source,
        channel,
        messages,
        plan,
        uploads,
        pool,
        now,
        origin or export_origin(as_of, now=now),
        stretch or Stretch(ids=[m.message_id for m in messages], is_whole=False),
    )


def finish(batch: InFlight, meanwhile: Callable[[], None] = lambda: None) -> BatchOutcome:
    """
    Wait for the uploads and commit; start again where what was known has changed meanwhile.

    Where the store is full, what it had room for is committed, and the outcome says so.
    `meanwhile` is called before the store or PostgreSQL is waited for.
    """
    for attempt in range(1, ATTEMPTS + 1):
        if batch.uploads.are_running:
            meanwhile()
        uploads = batch.uploads.wait()
        if uploads.full:
            stored = uploads.known | uploads.put.keys() | uploads.refused.keys()
            batch.plan.leave_out({blob.sha256 for blob in batch.plan.blobs} - stored)
            batch.plan.outcome.stopped_by = uploads.full
        try:
            with transaction.atomic():
                commit(batch.channel, batch.plan, uploads, now=batch.now, meanwhile=meanwhile)
                history.record(
                    batch.channel,
                    batch.plan,
                    origin=batch.origin,
                    stretch=batch.stretch,
                )
        except (MediaVanished, PostsChanged, services.ReservationExpired):
            uploads.release()
            if attempt == ATTEMPTS:
                raise
            batch = batch.restart()
        except BaseException:
            uploads.release()
            raise
        else:
            metrics.count_imported(batch.plan.messages, uploads.seconds)
            metrics.count_written(batch.plan.written)
            metrics.count_albums(batch.plan.messages, batch.plan.albums)
            return batch.plan.outcome
    raise AssertionError("unreachable")
