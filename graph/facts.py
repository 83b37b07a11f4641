"""
What is true of some nodes, as the archive has it: plain data, that the store writes and compares.

Each edge has one owner, the node with which it comes and goes. A node that is nobody's row (a tag,
a link, a text, a post that is only referred to) exists as long as an edge leads to it.
"""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

Properties = dict[str, Any]


class Ref(NamedTuple):
    """A node: its label and its key."""

    label: str
    key: str


class Edge(NamedTuple):
    """An edge of `kind` from one node to another; there is one at most."""

    kind: str
    start: Ref
    end: Ref


CHANNEL, POST, ALBUM = "Channel", "Post", "Album"
PICTURE, ARTICLE, TAG, TEXT = "ImageContent", "Article", "Tag", "Text"
LABELS: Final = (CHANNEL, POST, ALBUM, PICTURE, ARTICLE, TAG, TEXT)

HAS_POST, HAS_ALBUM, CONTAINS = "HAS_POST", "HAS_ALBUM", "CONTAINS"
HAS_IMAGE, HAS_LABEL, LOOKS_LIKE = "HAS_IMAGE", "HAS_LABEL", "LOOKS_LIKE"
TAGGED_AS, REFERS_TO, SAYS = "TAGGED_AS", "REFERS_TO", "SAYS"
FORWARDED_FROM, REPLIES_TO = "FORWARDED_FROM", "REPLIES_TO"

OUT_OF: Final = {
    CHANNEL: (),
    POST: (HAS_IMAGE, SAYS, TAGGED_AS, REFERS_TO, FORWARDED_FROM, REPLIES_TO),
    ALBUM: (CONTAINS,),
    PICTURE: (HAS_LABEL, LOOKS_LIKE),
}
"""Edges that start at their owner, by its label."""
INTO: Final = {POST: (HAS_POST,), ALBUM: (HAS_ALBUM,)}
"""Edges that end at their owner."""
NEEDED_BY: Final = {PICTURE: (HAS_IMAGE, LOOKS_LIKE)}
"""A node of this label goes with the last of these edges to it; others with the last of any."""


def owner_of(edge: Edge) -> Ref:
    return edge.end if edge.kind in INTO.get(edge.end.label, ()) else edge.start


@dataclass(slots=True)
class Facts:
    """
    `owners` are the nodes that are told about completely, None for one that is no more.

    `leaves` are the others that edges lead to, with what is known of them by their key alone.
    """

    owners: dict[Ref, Properties | None] = field(default_factory=dict)
    edges: dict[Edge, Properties] = field(default_factory=dict)
    leaves: dict[Ref, Properties] = field(default_factory=dict)

    def connect(self, kind: str, start: Ref, end: Ref, **properties: Any) -> None:
        """Add an edge, unless it would lead back to where it starts."""
        if start != end:
            self.edges[Edge(kind, start, end)] = present(properties)

    def leaf(self, label: str, key: str, **properties: Any) -> Ref:
        ref = Ref(label, key)
        self.leaves[ref] = present({"key": key, **properties})
        return ref

    def fingerprints(self) -> dict[Ref, str]:
        """A hash of what is told about each owner, its edges included."""
        owned: dict[Ref, list[Any]] = defaultdict(list)
        for edge, properties in self.edges.items():
            owned[owner_of(edge)].append([*edge, properties])
        return {
            ref: _hash([properties, sorted(owned[ref], key=lambda one: (one[0], one[1], one[2]))])
            for ref, properties in self.owners.items()
            if properties is not None
        }

    def without(self, owners: set[Ref]) -> "Facts":
        """The same facts but for these owners."""
        return Facts(
            {ref: told for ref, told in self.owners.items() if ref not in owners},
            {edge: told for edge, told in self.edges.items() if owner_of(edge) not in owners},
            self.leaves,
        )


def present(properties: Properties) -> Properties:
    """Properties that have a value: a graph has no others."""
    return {name: value for name, value in properties.items() if value is not None}


def _hash(value: Any) -> str:
    body = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(body.encode(errors="surrogatepass")).hexdigest()[:32]
