"""
Read a stretch of a channel: page by page from Telegram, through the pipeline of the import.

While one batch is written, the files of the next are on their way, and the page after it is asked
for. A batch that is committed moves the cursor; whatever ends a run, the next one goes on there.
"""

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from media import metrics
from media.history.record.origins import live_origin
from media.models import ChannelFeed, ChannelGap, GapReason
from media.services import imports
from media.services.imports import ImportSummary
from media.services.pipeline.batches import BATCH_FILE_BYTES, Batch
from media.services.pipeline.plan import PROBLEM_CODES, BatchOutcome
from media.services.pipeline.read_ahead import read_ahead
from media.services.pipeline.run import import_batches
from media.services.telegram import counting, feeds, stored_files
from media.services.telegram.cursors import Stretch
from media.services.telegram.live_source import LiveSource
from media.sources.port import UNSUPPORTED, Chat, Message, Problem, ServiceMessage
from media.sources.telegram.failures import TelegramRefused
from media.sources.telegram.live_message import age
from media.sources.telegram.port import PAGE_MESSAGES, Fetched, Page, RemoteFile, TelegramAccess

FAILURES = frozenset({*PROBLEM_CODES.values(), "invalid_message", "unstorable"})
"""Problems by which the archive lacks what Telegram has; broken pictures are not among them."""

FIRST_FILE_BYTES = 2 * 1024**2
"""
Files of the first batch; each later one may have twice as many. While a batch is written, the next
ones are downloaded, so the writing begins early and is paid for seldom.
"""
AHEAD_MESSAGES, AHEAD_FILE_BYTES = 2 * PAGE_MESSAGES, 48 * 1024**2
"""So much is on its way ahead of the batch in hand: the disk holds no more, whatever the channel."""


@dataclass(slots=True)
class LiveBatch(Batch):
    """A batch of messages of Telegram. `read_to`: all up to it are in this batch or before it."""

    read_to: int = 0
    files: list[RemoteFile] = field(default_factory=list)

    def add(self, one: Fetched) -> None:
        self.stretch.add(one.message_id)
        self.stretch.note_pin(one.record)
        match one.record:
            case Message():
                self.messages.append(one.record)
            case ServiceMessage(action=action):
                self.unsupported += action == UNSUPPORTED
                self.service += action != UNSUPPORTED
            case Problem():
                self.problems.append(one.record)
        self.files += one.files
        self.file_bytes += sum(file.size_bytes for file in one.files)


@dataclass(slots=True)
class Progress:
    """How far a run has come: for the progress bar, and for whoever wants to stop it."""

    summary: ImportSummary
    done: int = 0
    """Ids up to which the stretch is read, counted from its beginning."""
    total: int = 0


Observer = Callable[[Progress], None]
Stop = Callable[[], bool]


def read_stretch(
    access: TelegramAccess,
    stretch: Stretch,
    *,
    limit: int | None = None,
    summary: ImportSummary | None = None,
    observe: Observer = lambda _: None,
    stop: Stop = lambda: False,
) -> ImportSummary:
    """
    Read the stretch to its end, until `limit` messages were read, or until `stop` says so.

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
        closing(read_ahead(_pages(access, stretch, limit, stop))) as pages,
        closing(_expected(source, stretch.feed, pages, refusals)) as batches,
        closing(_imported(source, batches, stretch.feed)) as outcomes,
    ):
        for batch, outcome in outcomes:
            assert isinstance(batch, LiveBatch)  # noqa: S101 - what `_expected` yields
            settle(stretch, batch, outcome, summary)
            source.forget(batch.files)
            progress.done = batch.read_to - stretch.after
            observe(progress)
    if refusals:
        raise refusals[0]
    return summary


def _imported(
    source: LiveSource, batches: Iterable[LiveBatch], feed: ChannelFeed
) -> Generator[tuple[Batch, BatchOutcome], None, None]:
    """Import the batches; while one waits for its downloads, the one before it is written."""

    def is_ready(batch: Batch) -> bool:
        assert isinstance(batch, LiveBatch)  # noqa: S101 - what `_expected` yields
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
    with transaction.atomic():  # one commit for both
        counting.follow(stretch.feed, batch.messages, now=timezone.now())
        stretch.settle(batch.read_to, failed)


def _pages(
    access: TelegramAccess, stretch: Stretch, limit: int | None, stop: Stop
) -> Generator[Page, None, None]:
    """The pages of the stretch; the last one ends where the limit does."""
    peer, after, left = feeds.peer_of(stretch.feed), stretch.after, limit
    while after < stretch.until and left != 0 and not stop():
        most = PAGE_MESSAGES if left is None else min(left, PAGE_MESSAGES)
        page = access.page(peer, after=after, until=stretch.until, limit=most)
        yield page
        after, left = page.read_to, left if left is None else left - len(page.fetched)


def _expected(
    source: LiveSource, feed: ChannelFeed, pages: Iterable[Page], refusals: list[TelegramRefused]
) -> Generator[LiveBatch, None, None]:
    """
    Cut the pages into batches; their files are asked for well before a batch is used.

    Where Telegram refuses a page, the batches end, and the refusal is kept for the caller: what
    came before it is imported first.
    """
    waiting: deque[LiveBatch] = deque()
    most_bytes = FIRST_FILE_BYTES
    try:
        for page in pages:
            for batch in cut(feed, page, most_bytes=most_bytes):
                prepare(source, feed, batch)
                waiting.append(batch)
                most_bytes = min(2 * most_bytes, BATCH_FILE_BYTES)
            while _are_enough(waiting):
                yield waiting.popleft()
    except TelegramRefused as refused:
        refusals.append(refused)
    yield from waiting


def _are_enough(waiting: Collection[LiveBatch]) -> bool:
    """Whether so much is on its way that the oldest batch can be taken."""
    messages = sum(len(batch.messages) for batch in waiting)
    return messages > AHEAD_MESSAGES or sum(b.file_bytes for b in waiting) > AHEAD_FILE_BYTES


def prepare(source: LiveSource, feed: ChannelFeed, batch: LiveBatch) -> None:
    """Start the downloads of what the archive does not have."""
    batch.messages = stored_files.mark_stored(feed.channel, batch.messages)
    paths = stored_files.needed(feed.channel, batch.messages)
    source.expect(file for file in batch.files if file.path in paths)


def cut(
    feed: ChannelFeed, page: Page, *, most_bytes: int | None = BATCH_FILE_BYTES
) -> Iterator[LiveBatch]:
    """A page is one batch, or several where its files are many bytes; no album is cut."""
    chat = feed_chat(feed, page)
    origin = live_origin(feed.account.name, now=page.at, chat=chat)
    batch = LiveBatch(chat=chat, origin=origin)
    album: int | None = None
    for one in page.fetched:
        grouped = one.record.grouped_id if isinstance(one.record, Message) else None
        is_full = most_bytes is not None and batch.file_bytes >= most_bytes
        if is_full and (grouped is None or grouped != album):
            batch.read_to = one.message_id - 1
            yield batch
            batch = LiveBatch(chat=chat, origin=origin)
        album = grouped
        batch.add(one)
    batch.read_to = page.read_to
    yield batch


def feed_chat(feed: ChannelFeed, page: Page) -> Chat:
    """The channel as it was when the page was read."""
    channel = feed.channel
    return Chat(
        tg_channel_id=channel.tg_channel_id,
        kind=channel.kind,
        title=channel.title,
        username=channel.username,
        as_of=age(page.at, max(feed.top_id, page.read_to)),
    )
