"""
Albums, which the export does not mark: neighbors posted in the same second.

Up to ten of them are one album, wherever its captions are. More are several posts sent in one
second: there an album begins at each caption, and after ten. See TELEGRAM_EXPORT.md, "Albums".
"""

from collections.abc import Iterator

from media.sources.export.messages.convert import Draft
from media.sources.port import Message

MAX_ITEMS = 10
_MIGRATED = 2**40
"""Keeps the groups of negative message ids apart from all others."""


class Albums:
    """Takes drafts in the order of the file, gives messages in the same order; holds at most 10."""

    def __init__(self) -> None:
        self._waiting: list[Draft] = []
        self._crowded = False
        """Is this run longer than one album can be?"""

    def add(self, draft: Draft) -> Iterator[Message]:
        if self._waiting and self._waiting[-1].album_key != draft.album_key:
            yield from self.flush()
        if draft.album_key is None:
            yield draft.finish(None)
            return
        if len(self._waiting) == MAX_ITEMS and not self._crowded:
            yield from self._rearrange()
        if self._crowded and (draft.has_text or len(self._waiting) == MAX_ITEMS):
            yield from self._close()
        self._waiting.append(draft)

    def flush(self) -> Iterator[Message]:
        """The run is over: something else came, or nothing."""
        yield from self._close()
        self._crowded = False

    def _rearrange(self) -> Iterator[Message]:
        """An eleventh comes: what looked like one album is cut at its captions."""
        self._crowded = True
        first_ten, self._waiting = self._waiting, []
        for draft in first_ten:
            if draft.has_text:
                yield from self._close()
            self._waiting.append(draft)

    def _close(self) -> Iterator[Message]:
        group, self._waiting = self._waiting, []
        grouped_id = group_id(group[0].message_id) if len(group) > 1 else None
        for draft in group:
            yield draft.finish(grouped_id)


def group_id(first_message_id: int) -> int:
    """Always the same for the same album, never positive as Telegram's own are."""
    if first_message_id > 0:
        return -first_message_id
    return first_message_id - _MIGRATED
