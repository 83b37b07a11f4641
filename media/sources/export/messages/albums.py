"""
Albums of an export, which does not mark them: neighbors that were posted in the same second.

Up to ten neighbors are one album, whichever of them has a caption. More than ten are several
albums sent in one second: a new one begins at each caption, and after ten items. See
TELEGRAM_EXPORT.md, "Albums".
"""

from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

MAX_ITEMS = 10
_MIGRATED = 2**40
"""Keeps the groups of negative message ids apart from all others."""


Finished = TypeVar("Finished", covariant=True)  # noqa: PLC0105 - as typing's own


class Item(Protocol[Finished]):
    """What may belong to an album: a draft of a message, or a post that is stored."""

    @property
    def message_id(self) -> int: ...
    @property
    def album_key(self) -> tuple[Any, ...] | None: ...
    @property
    def has_text(self) -> bool: ...
    def finish(self, grouped_id: int | None, run_id: int | None) -> Finished: ...


class Albums(Generic[Finished]):
    """
    Finishes items with their album, in the order of the file; holds back at most ten of them.

    All neighbors are one run, named after the first of them; an album is a run or a part of it.
    """

    def __init__(self) -> None:
        self._held: list[Item[Finished]] = []
        self._run: int | None = None
        self._crowded = False
        """Whether the neighbors are more than one album can hold."""

    def add(self, draft: Item[Finished]) -> Iterator[Finished]:
        if self._held and self._held[-1].album_key != draft.album_key:
            yield from self.flush()
        if draft.album_key is None:
            yield draft.finish(None, None)
            return
        if not self._held:
            self._run = group_id(draft.message_id)
        if len(self._held) == MAX_ITEMS and not self._crowded:
            yield from self._rearrange()
        if self._crowded and (draft.has_text or len(self._held) == MAX_ITEMS):
            yield from self._close()
        self._held.append(draft)

    def flush(self) -> Iterator[Finished]:
        """Release the drafts held back: no neighbor follows."""
        yield from self._close()
        self._crowded = False

    def _rearrange(self) -> Iterator[Finished]:
        """Cut the ten drafts at their captions: an eleventh shows that they are not one album."""
        self._crowded = True
        first_ten, self._held = self._held, []
        for draft in first_ten:
            if draft.has_text:
                yield from self._close()
            self._held.append(draft)

    def _close(self) -> Iterator[Finished]:
        group, self._held = self._held, []
        grouped_id = group_id(group[0].message_id) if len(group) > 1 else None
        run_id = self._run if self._crowded else grouped_id
        for draft in group:
            yield draft.finish(grouped_id, run_id)


def group_id(first_message_id: int) -> int:
    """Derive a stable id from the first message; never positive, as Telegram's own ids are."""
    if first_message_id > 0:
        return -first_message_id
    return first_message_id - _MIGRATED
