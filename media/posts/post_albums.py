"""
Albums of posts whose source does not mark them, by what all sources together have shown.

Neighbors are a run. Sources of several ages name the same run differently: its first message may
have been deleted between them. Such names are one run, named after the earliest of its messages
that any source has shown. Its albums are found anew whenever it grows, so what was deleted still
holds together what is left.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from media.posts.post_row import PostRow
from media.sources.export.messages.albums import MAX_ITEMS, Albums


@dataclass(slots=True)
class Runs:
    """Names of runs, and which of them are the same run."""

    _name: dict[int, int] = field(default_factory=dict)

    def add(self, names: Iterable[int | None]) -> None:
        """Add names of one and the same run; None is no name."""
        found = {name for name in names if name is not None}
        same = {self.name_of(name) for name in found}
        if not same:
            return
        self._name |= dict.fromkeys(found | same, max(same))

    def name_of(self, name: int) -> int:
        """The name of the run: that of its earliest message."""
        while (earlier := self._name.get(name, name)) != name:
            name = earlier
        return name

    @property
    def names(self) -> list[int]:
        return list(self._name)


def assign_albums(rows: Iterable[PostRow], runs: Runs) -> None:
    """Name run and album of each row; `rows` are all posts of the runs they belong to."""
    by_run: dict[int, list[PostRow]] = {}
    for row in rows:
        if row.run_id is not None:
            row.run_id = runs.name_of(row.run_id)
            by_run.setdefault(row.run_id, []).append(row)
    for run, members in by_run.items():
        found = _albums(run, members)
        mates = Counter(found.values())
        rest = {n: album for n, album in found.items() if not _is_numbered(members[n])}
        left = Counter(rest.values())
        for index, album in rest.items():
            # Of all others Telegram has told which albums they are: this one stands alone.
            is_alone = left[album] == 1 < mates[album]
            members[index].grouped_id = None if is_alone else album


def _albums(run: int, members: Sequence[PostRow]) -> Mapping[int, int | None]:
    """The album of each member by its index."""
    if len(members) <= MAX_ITEMS:
        return dict.fromkeys(range(len(members)), run)
    albums: Albums[tuple[int, int | None]] = Albums()
    found: dict[int, int | None] = {}
    for index, row in sorted(enumerate(members), key=lambda pair: pair[1].telegram_message_id):
        found.update(albums.add(_Member(row, index)))
    found.update(albums.flush())
    return found


@dataclass(frozen=True, slots=True)
class _Member:
    """A stored post as an item of the rule for exports."""

    row: PostRow
    index: int

    @property
    def message_id(self) -> int:
        return self.row.telegram_message_id

    @property
    def album_key(self) -> tuple[Any, ...]:
        return (self.row.run_id,)

    @property
    def has_text(self) -> bool:
        return bool(self.row.content)

    def finish(self, grouped_id: int | None, run_id: int | None) -> tuple[int, int | None]:
        return self.index, grouped_id


def _is_numbered(row: PostRow) -> bool:
    """Whether Telegram itself has said which album it is: its numbers are positive."""
    return row.grouped_id is not None and row.grouped_id > 0
