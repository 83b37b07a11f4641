"""Take a batch of messages over: files into the bucket, rows and events in one transaction."""

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from media.models import Channel
from media.services.pipeline.commit import MediaVanished, settle
from media.services.pipeline.plan import Outcome, Plan, plan
from media.services.pipeline.upload import Storing, begin_storing, putters
from media.sources.port import Message, Source
from storage_quota import services as quota

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that was read and whose bytes are claimed; its files are on their way."""

    source: Source
    channel: Channel
    messages: Sequence[Message]
    plan: Plan
    storing: Storing
    pool: Executor
    now: datetime
    began: float = field(default_factory=time.monotonic)

    def again(self, messages: Sequence[Message] | None = None) -> "Prepared":
        """
        From the beginning (a part of it): what it took for known has changed.

        By now it is later: a promise on the time of the first attempt might be expired when
        it is made.
        """
        return prepare(
            self.source,
            channel=self.channel,
            messages=self.messages if messages is None else messages,
            pool=self.pool,
            now=self.now + timedelta(seconds=time.monotonic() - self.began),
        )


def ingest(
    source: Source, *, channel: Channel, messages: Sequence[Message], now: datetime
) -> Outcome:
    """Claim bytes, put files, settle: bytes, media, posts and events become true at once."""
    with putters() as pool:
        return finish(prepare(source, channel=channel, messages=messages, pool=pool, now=now))


def prepare(
    source: Source,
    *,
    channel: Channel,
    messages: Sequence[Message],
    pool: Executor,
    coming: frozenset[str] = frozenset(),
    now: datetime,
) -> Prepared:
    """Claim. The caller ends it with `finish`, or with `storing.abandon`."""
    batch = plan(source, channel=channel, messages=messages)
    storing = begin_storing(
        source, tenant=channel.tenant, blobs=batch.blobs, pool=pool, coming=coming, now=now
    )
    return Prepared(source, channel, messages, batch, storing, pool, now)


def finish(prepared: Prepared) -> Outcome:
    """Wait for the files and settle; done again where a medium was evicted meanwhile."""
    for attempt in range(1, ATTEMPTS + 1):
        stored = prepared.storing.wait()
        try:
            with transaction.atomic():
                settle(prepared.channel, prepared.plan, stored, now=prepared.now)
        except (MediaVanished, quota.ReservationExpired):
            stored.release()
            if attempt == ATTEMPTS:
                raise
            prepared = prepared.again()
        except BaseException:
            stored.release()
            raise
        else:
            return prepared.plan.outcome
    raise AssertionError("unreachable")
