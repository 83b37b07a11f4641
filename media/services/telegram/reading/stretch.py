"""
Read a stretch of a channel: page by page from Telegram, through the pipeline of the import.

While one batch is written, the files of the next are on their way, and the page after it is asked
for. A batch that is committed moves the cursor; whatever ends a run, the next one goes on there.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from media import metrics
from media.models import ChannelFeed, ChannelGap, GapReason
from media.services import imports
from media.services.imports import ImportSummary
from media.services.pipeline.batches import Batch
from media.services.pipeline.plan import PROBLEM_CODES, BatchOutcome
from media.services.pipeline.run import import_batches
from media.services.telegram.channels import feeds
from media.services.telegram.reading.ahead import Stop, batches_of, pages_of, prepare
from media.services.telegram.reading.cursors import Stretch
from media.services.telegram.reading.live_batches import LiveBatch, cut
from media.services.telegram.reading.live_source import LiveSource
from media.sources.telegram.failures import TelegramRefused
from media.sources.telegram.port import Fetched, Page, TelegramAccess

FAILURES = frozenset({*PROBLEM_CODES.values(), "invalid_message", "unstorable"})
"""Problems by which the archive lacks what Telegram has; broken pictures are not among them."""


@dataclass(slots=True)
class Progress:
    """How far a run has come: for the progress bar, and for whoever wants to stop it."""

    summary: ImportSummary
    done: int = 0
    """Ids up to which the stretch is read, counted from its beginning."""
    total: int = 0


Observer = Callable[[Progress], None]


def read_stretch(
    access: TelegramAccess,
    stretch: Stretch,
    *,
    limit: int | None = None,
    summary: ImportSummary | None = None,
    observe: Observer = lambda _: None,
    stop: Stop = lambda: False,
    is_unwanted: Stop = lambda: False,
) -> ImportSummary:
    """
    Read the stretch to its end, until `limit` messages were read, or until `stop` says so.

    What is on its way then is written, unless the stretch `is_unwanted` after a batch.

    Raises TelegramRefused where Telegram refuses; what was read before stays.
    """
    summary = ImportSummary() if summary is None else summary
    progress = Progress(summary, total=stretch.until - stretch.after)
    if stretch.after >= stretch.until:
        return summary
    source = LiveSource(access, feeds.peer_of(stretch.feed))
    refusals: list[TelegramRefused] = []
    with (
        closing(source),
        closing(pages_of(access, stretch, limit, stop)) as pages,
        closing(batches_of(source, stretch.feed, pages, refusals)) as batches,
        closing(_imported(source, batches, stretch.feed)) as outcomes,
    ):
        for batch, outcome in outcomes:
            assert isinstance(batch, LiveBatch)  # noqa: S101 - what `batches_of` yields
            settle(stretch, batch, outcome, summary)
            source.forget(batch.files)
            progress.done = batch.read_to - stretch.after
            observe(progress)
            if is_unwanted():
                break
    if refusals:
        raise refusals[0]
    return summary


def _imported(
    source: LiveSource, batches: Iterable[LiveBatch], feed: ChannelFeed
) -> Generator[tuple[Batch, BatchOutcome], None, None]:
    """Import the batches; while one waits for its downloads, the one before it is written."""

    def is_ready(batch: Batch) -> bool:
        assert isinstance(batch, LiveBatch)  # noqa: S101 - what `batches_of` yields
        return source.are_here(batch.files)

    return import_batches(source, batches, tenant=feed.channel.tenant, is_ready=is_ready)


def import_fetched(
    access: TelegramAccess,
    feed: ChannelFeed,
    fetched: Iterable[Fetched],
    *,
    at: datetime,
    summary: ImportSummary,
) -> set[int]:
    """
    Import messages that were read for themselves, as they were at `at`; they move no cursor.

    Return the ids of those that failed: they are listed as gaps.
    """
    ordered = tuple(sorted(fetched, key=lambda one: one.message_id))
    batch = next(cut(feed, Page(ordered, read_to=feed.cursor, at=at), most_bytes=None))
    stretch = Stretch(feed, after=feed.cursor, until=feed.cursor)
    with closing(LiveSource(access, feeds.peer_of(feed))) as source:
        prepare(source, feed, batch)
        for _, outcome in import_batches(source, [batch], tenant=feed.channel.tenant):
            settle(stretch, batch, outcome, summary)
        source.forget(batch.files)
    ids = [one.message_id for one in ordered]
    listed = ChannelGap.objects.filter(channel=feed.pk, reason=GapReason.FAILED, first_id__in=ids)
    listed.exclude(last_run=stretch.run).delete()
    return set(listed.values_list("first_id", flat=True))


def settle(
    stretch: Stretch, batch: LiveBatch, outcome: BatchOutcome, summary: ImportSummary
) -> None:
    """Count what came of a batch, record its problems, and move the cursor."""
    failed = {
        problem.message_id: problem
        for problem in [*outcome.problems, *batch.problems]
        if problem.code in FAILURES and problem.message_id is not None
    }
    imports.add_up(batch, outcome, run=None, summary=summary)
    metrics.count_failed(failed.values())
    stretch.settle(batch.read_to, failed)
