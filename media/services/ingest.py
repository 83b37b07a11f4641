"""Take a batch of messages over: files into the bucket, rows and events in one transaction."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from media.models import Channel
from media.services.blobs import store_blobs
from media.services.plan import Outcome, plan
from media.services.settlement import MediaVanished, settle
from media.sources.port import Message, Source
from storage_quota import services as quota

ATTEMPTS = 3


def ingest(
    source: Source, *, channel: Channel, messages: Sequence[Message], now: datetime
) -> Outcome:
    """Claim bytes, put files, settle: bytes, media, posts and events become true at once."""
    for attempt in range(1, ATTEMPTS + 1):
        batch = plan(source, channel=channel, messages=messages)
        stored = store_blobs(source, tenant=channel.tenant, blobs=batch.blobs, now=now)
        try:
            with transaction.atomic():
                settle(channel, batch, stored, now=now)
        except (MediaVanished, quota.ReservationExpired):
            stored.release()
            if attempt == ATTEMPTS:
                raise
        except BaseException:
            stored.release()
            raise
        else:
            return batch.outcome
    raise AssertionError("unreachable")
