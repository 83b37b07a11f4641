"""
Albums of an export, which does not mark them: neighbors that were posted in the same second.

Up to ten neighbors are one album, whichever of them has a caption. More than ten are several
albums sent in one second: a new one begins at each caption, and after ten items. See
TELEGRAM_EXPORT.md, "Albums".
"""

from collections.abc import Iterator

from media.sources.export.messages.convert import Draft
from media.sources.port import Message

MAX_ITEMS = 10
_MIGRATED = 2**40
"""Keeps the groups of negative message ids apart from all others."""


class Albums:
    """Turns drafts into messages, in the order of the file; holds back at most ten drafts."""

    def __init__(self) -> None:
        self._held: list[Draft] = []
        self._crowded = False
        """Whether the neighbors are more than one album can hold."""

    def add(self, draft: Draft) -> Iterator[Message]:
        if self._held and self._held[-1].album_key != draft.album_key:
            yield from self.flush()
        if draft.album_key is None:
            yield draft.finish(None)
            return
        if len(self._held) == MAX_ITEMS and not self._crowded:
            yield from self._rearrange()
        if self._crowded and (draft.has_text or len(self._held) == MAX_ITEMS):
            yield from self._close()
        self._held.append(draft)

    def flush(self) -> Iterator[Message]:
        """Release the drafts held back: no neighbor follows."""
        yield from self._close()
        self._crowded = False

    def _rearrange(self) -> Iterator[Message]:
        """Cut the ten drafts at their captions: an eleventh shows that they are not one album."""
        self._crowded = True
        first_ten, self._held = self._held, []
        for draft in first_ten:
            if draft.has_text:
                yield from self._close()
            self._held.append(draft)

    def _close(self) -> Iterator[Message]:
        group, self._held = self._held, []
        grouped_id = group_id(group[0].message_id) if len(group) > 1 else None
        for draft in group:
            yield draft.finish(grouped_id)


def group_id(first_message_id: int) -> int:
    """Derive a stable id from the first message; never positive, as Telegram's own ids are."""
    if first_message_id > 0:
        return -first_message_id
    return first_message_id - _MIGRATED
