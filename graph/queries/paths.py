"""What connects two posts: a shortest way through what they share."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from graph.facts import (
    CONTAINS,
    FORWARDED_FROM,
    HAS_ALBUM,
    HAS_IMAGE,
    HAS_LABEL,
    HAS_POST,
    LOOKS_LIKE,
    POST,
    REFERS_TO,
    REPLIES_TO,
    SAYS,
    TAGGED_AS,
    Ref,
)
from graph.store import connection

CONTENT: Final = (HAS_IMAGE, LOOKS_LIKE, SAYS, REFERS_TO, FORWARDED_FROM, REPLIES_TO, CONTAINS)
TAGS: Final = (*CONTENT, TAGGED_AS, HAS_LABEL)
EVERYTHING: Final = (*TAGS, HAS_POST, HAS_ALBUM)
"""What two posts share says more than a tag, and a tag more than a channel: so they are tried in turn."""
MOST_STEPS: Final = 8
MOST_NODES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Step:
    """From `start` to `end` along an edge; `forward` is false where it leads the other way."""

    start: Ref
    kind: str
    end: Ref
    forward: bool


def find_path(first: UUID | str, second: UUID | str) -> list[Step] | None:
    """
    A shortest way from one post to another of at most MOST_STEPS edges; None if there is none.

    None as well where there are more than MOST_NODES nodes within reach.
    """
    start, end = Ref(POST, str(first)), Ref(POST, str(second))
    if start == end:
        return []
    for kinds in (CONTENT, TAGS, EVERYTHING):
        if (found := _search(start, end, kinds)) is not None:
            return found
    return None


def names_of(refs: Iterable[Ref]) -> dict[Ref, str]:
    """A word or two for people about each node."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for ref in refs:
        by_label[ref.label].append(ref.key)
    return {
        Ref(label, row["key"]): str(row["name"] or "")
        for label, keys in by_label.items()
        for row in connection.ask(
            f"UNWIND $keys AS key MATCH (n:{label} {{key: key}}) RETURN n.key AS key,"
            " coalesce(n.name, n.title, n.url, n.sha256, n.caption_text, n.content, '') AS name",
            keys=keys,
        )
    }


def _search(start: Ref, end: Ref, kinds: tuple[str, ...]) -> list[Step] | None:
    """From both ends in turn, the smaller side first."""
    sides: tuple[dict[Ref, Step | None], ...] = ({start: None}, {end: None})
    fronts = [[start], [end]]
    for _ in range(MOST_STEPS):
        side = 0 if len(fronts[0]) <= len(fronts[1]) else 1
        reached, other = sides[side], sides[1 - side]
        front: list[Ref] = []
        for step in _steps(fronts[side], kinds):
            if step.end in reached:
                continue
            reached[step.end] = step
            front.append(step.end)
        if meeting := sorted(ref for ref in front if ref in other):
            return _joined(sides, meeting[0])
        fronts[side] = front
        if not front or len(reached) > MOST_NODES:
            return None
    return None


def _steps(front: list[Ref], kinds: tuple[str, ...]) -> list[Step]:
    by_label: dict[str, list[str]] = defaultdict(list)
    for ref in front:
        by_label[ref.label].append(ref.key)
    return [
        Step(
            Ref(label, row["key"]), row["kind"], Ref(row["labels"][0], row["other"]), row["is_out"]
        )
        for label, keys in by_label.items()
        for row in connection.ask(
            f"UNWIND $keys AS key MATCH (n:{label} {{key: key}})-[r:{'|'.join(kinds)}]-(m)"
            " RETURN key, type(r) AS kind, labels(m) AS labels, m.key AS other,"
            " startNode(r) = n AS is_out ORDER BY kind, other LIMIT $most",
            keys=keys,
            most=MOST_NODES,
        )
    ]


def _joined(sides: tuple[dict[Ref, Step | None], ...], meeting: Ref) -> list[Step]:
    there, at = [], meeting
    while step := sides[0][at]:
        there.append(step)
        at = step.start
    back, at = [], meeting
    while step := sides[1][at]:
        back.append(Step(step.end, step.kind, step.start, not step.forward))
        at = step.start
    return [*reversed(there), *back]
