"""Gauges of the channels that are read from Telegram, read from their rows."""

from collections.abc import Iterator

from django.db.models import Min
from django.db.models.functions import Coalesce
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.registry import Collector

from media import metrics
from media.models import ChannelFeed, FeedState


class ChannelCollector(Collector):
    """There is no figure where no channel is read: then nothing waits."""

    def collect(self) -> Iterator[Metric]:
        age = metrics.NEWS_AGE.family()
        read = ChannelFeed.objects.filter(state=FeedState.FOLLOWED, channel__is_active=True)
        # A channel that was never read waits since it was added.
        oldest = read.aggregate(at=Min(Coalesce("read_at", "added_at")))["at"]
        if oldest is not None:
            age.add_metric([], max((timezone.now() - oldest).total_seconds(), 0.0))
        yield age
