"""What is on its way before it is needed: the next page of a channel, the files of those read."""

from collections import deque
from collections.abc import Callable, Collection, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from typing import Final

from media.models import ChannelFeed
from media.services.pipeline.batches import BATCH_FILE_BYTES
from media.services.telegram.channels import feeds
from media.services.telegram.reading import stored_files
from media.services.telegram.reading.cursors import Stretch
from media.services.telegram.reading.live_batches import LiveBatch, cut
from media.services.telegram.reading.live_source import LiveSource
from media.sources.telegram.failures import TelegramRefused
from media.sources.telegram.port import PAGE_MESSAGES, Page, TelegramAccess

Stop = Callable[[], bool]

FIRST_PAGE_MESSAGES: Final = 20
"""The first page is a short one, and soon here: its files come while the next one is asked for."""
FIRST_FILE_BYTES = 2 * 1024**2
"""
Files of the first batch; those of each later page may have `MORE_FILES` times as many. While a
batch is written, the next ones are downloaded, so the writing begins early and is paid for seldom.
"""
MORE_FILES: Final = 4
"""With twice as many, the first whole page of photos of 85 KB would be three batches, not two."""
AHEAD_MESSAGES, AHEAD_FILE_BYTES = 2 * PAGE_MESSAGES, 48 * 1024**2
"""So much is on its way ahead of the batch in hand: the disk holds no more, whatever the channel."""


POLL_SECONDS: Final = 0.005
"""Seconds after which it is looked again whether a page or the files of a batch are here."""


def pages_of(
    access: TelegramAccess, stretch: Stretch, limit: int | None, stop: Stop
) -> Generator[Page, None, None]:
    """The pages of the stretch; the last one ends where the limit does."""
    peer, after, left = feeds.peer_of(stretch.feed), stretch.after, limit
    most = FIRST_PAGE_MESSAGES
    while after < stretch.until and left != 0 and not stop():
        most = most if left is None else min(left, most)
        page = access.page(peer, after=after, until=stretch.until, limit=most)
        yield page
        after, left = page.read_to, left if left is None else left - len(page.fetched)
        most = PAGE_MESSAGES


def batches_of(
    source: LiveSource,
    feed: ChannelFeed,
    pages: Generator[Page, None, None],
    refusals: list[TelegramRefused],
) -> Generator[LiveBatch, None, None]:
    """
    Cut the pages into batches; their files are asked for well before a batch is used.

    While a page is still to come, whoever takes the batches has those whose files are here. Where
    Telegram refuses a page, the batches end, and the refusal is kept for the caller: what came
    before it is imported first.
    """
    waiting: deque[LiveBatch] = deque()
    most_bytes = FIRST_FILE_BYTES

    def is_ready() -> bool:
        return bool(waiting) and source.are_here(waiting[0].files)

    try:
        with closing(_unless_ready(pages, is_ready)) as upcoming:
            for page in upcoming:
                for batch in cut(feed, page, most_bytes=most_bytes) if page else ():
                    prepare(source, feed, batch)
                    waiting.append(batch)
                    most_bytes = min(MORE_FILES * most_bytes, BATCH_FILE_BYTES)
                if page is None:
                    yield waiting.popleft()
                while _are_enough(waiting):
                    yield waiting.popleft()
    except TelegramRefused as refused:
        refusals.append(refused)
    yield from waiting


def _unless_ready(
    pages: Generator[Page, None, None], is_ready: Callable[[], bool]
) -> Generator[Page | None, None, None]:
    """
    Yield the pages, each asked for by a thread while the caller works on the one before.

    None instead of a page: it is still to come, and the caller has something ready meanwhile.
    """
    with closing(pages), ThreadPoolExecutor(1, thread_name_prefix="pages") as pool:
        upcoming = pool.submit(next, pages, None)
        try:
            while True:
                while not wait([upcoming], timeout=POLL_SECONDS).done:
                    if is_ready():
                        yield None
                if (page := upcoming.result()) is None:
                    break
                upcoming = pool.submit(next, pages, None)
                yield page
        finally:
            wait([upcoming])  # a generator cannot be closed while it runs


def _are_enough(waiting: Collection[LiveBatch]) -> bool:
    """Whether so much is on its way that the oldest batch can be taken."""
    messages = sum(len(batch.messages) for batch in waiting)
    return messages > AHEAD_MESSAGES or sum(b.file_bytes for b in waiting) > AHEAD_FILE_BYTES


def prepare(source: LiveSource, feed: ChannelFeed, batch: LiveBatch) -> None:
    """Start the downloads of what the archive does not have."""
    batch.messages, paths = stored_files.mark_stored(feed.channel, batch.messages)
    source.expect(file for file in batch.files if file.path in paths)
