"""
Read the blocks of a rich message: their text, links, files and buttons.

A block of an unknown shape gives its text all the same, once and in the order of the file: that
of the inline texts in it, and plain strings only where every known shape has words. It is kept as
it is, too, as are unknown keys of known shapes; from those no text is taken.
"""

from dataclasses import dataclass, field
from typing import Any

from media.sources.export.messages.attachment import SizeOf
from media.sources.export.messages.buttons import labelled
from media.sources.export.messages.entities import Entities, has_scheme
from media.sources.export.messages.rich.files import files_of
from media.sources.export.messages.rich.shapes import (
    BLOCKS,
    BUTTON,
    FILE,
    INLINE,
    MAP,
    Part,
    Shape,
)
from media.sources.port import Attachment

_WORD_KEYS = frozenset({"text", "title", "description", "author", "formula"})
"""Keys under which a plain string is something that a reader sees."""
_LINK_KEYS = frozenset({"url", "href"})
_TARGETS = {"email": "mailto:", "phone": "tel:"}
_TRACK = ("performer", "title")
_KNOWN = frozenset({"rtl", "part", "blocks"})


@dataclass(slots=True)
class RichText:
    """What was read. `extra` are the parts that have no column, `unknown` is by place."""

    text: str = ""
    entities: Entities = field(default_factory=Entities)
    files: list[Attachment] = field(default_factory=list)
    buttons: list[dict[str, str]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, Any] = field(default_factory=dict)


def read_rich(rich: dict[str, Any], size_of: SizeOf) -> RichText:
    reader = _Reader(size_of)
    found = reader.found
    blocks, place = rich.get("blocks"), "rich_message"
    for key in rich.keys() - _KNOWN:
        found.unknown[f"{place}.{key}"] = rich[key]
    if isinstance(blocks, list):
        lines = reader.blocks(blocks, f"{place}.blocks")
        found.text = "\n".join([line.strip("\n") for line in lines if line.strip()])
    elif blocks is not None:
        found.unknown[f"{place}.blocks"] = blocks
    if rich.get("part") is True:
        found.extra["part"] = True  # Telegram has more of it than the export
    return found


class _Reader:
    """Reads depth first; `found` grows in the order of the text."""

    def __init__(self, size_of: SizeOf) -> None:
        self.found = RichText()
        self._size_of = size_of
        self._within_unknown = False

    def blocks(self, value: Any, place: str) -> list[str]:
        """The lines of a block, or of a list of blocks."""
        if not isinstance(value, list):
            return self._block(value, place)
        lines: list[str] = []
        for index, block in enumerate(value):
            lines += self._block(block, f"{place}[{index}]")
        return lines

    def _block(self, value: Any, place: str) -> list[str]:
        if isinstance(value, str):
            return [value]
        if not isinstance(value, dict):
            self._keep(place, value)
            return []
        kind = _kind(value)
        if shape := BLOCKS.get(kind):
            return self._shaped(value, shape, place)
        return [self._inline(value, place)] if kind in INLINE else self._unknown(value, place)

    def _inline(self, value: Any, place: str) -> str:
        """The text of a sentence or of a part of it."""
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            return "".join([self._inline(v, f"{place}[{n}]") for n, v in enumerate(value)])
        kind = _kind(value)
        if shape := INLINE.get(kind):
            text = "".join(self._shaped(value, shape, place))
            self.found.entities.add(kind, text)
            if kind in _TARGETS:
                self._add_target(value.get(kind), kind, text, f"{place}.{kind}")
            return text
        return " ".join(filter(None, self._block(value, place)))

    def _shaped(self, node: dict[str, Any], shape: Shape, place: str) -> list[str]:
        """The lines of a node, in the order of its shape."""
        self.found.files += files_of(node, self._size_of)
        lines: list[str] = []
        for key, part in shape.parts.items():
            if key in node:
                lines += self._part(node[key], part, f"{place}.{key}")
        for key in sorted(node.keys() - shape.parts.keys() - shape.silent - {"type"}):
            self._keep(f"{place}.{key}", node[key])
        if shape is BUTTON:
            self._keep_button(node, "".join(lines))
        elif shape is FILE:
            self._keep_track(node, place)
        elif shape is MAP:
            self._keep_location(node.get("geo"))
        return [" ".join(filter(None, lines))] if shape.in_row else lines

    def _part(self, value: Any, part: Part | Shape, place: str) -> list[str]:
        if isinstance(part, Shape):
            return self._objects(value, part, place)
        if part is Part.BLOCKS:
            return self.blocks(value, place)
        if part is Part.TEXT:
            return [self._inline(value, place)]
        if part is Part.WORDS:
            return [value] if isinstance(value, str) else self._values("", value, place)
        if part is Part.LINK:
            self._add_link(value, place)
        elif isinstance(value, str) and value:
            self.found.entities.add("mention", "@" + value.removeprefix("@"))
        return []

    def _objects(self, value: Any, shape: Shape, place: str) -> list[str]:
        """The lines of an object, or of each in a list, that has no type of its own."""
        if isinstance(value, list):
            lines: list[str] = []
            for index, node in enumerate(value):
                lines += self._objects(node, shape, f"{place}[{index}]")
            return lines
        if isinstance(value, dict) and _kind(value) not in INLINE:
            return self._shaped(value, shape, place)
        if "text" in shape.parts:
            return [self._inline(value, place)]
        self._keep(place, value)
        return []

    def _unknown(self, node: dict[str, Any], place: str) -> list[str]:
        """The lines of a node of an unknown type; the outermost one is kept whole."""
        self._keep(f"{place}:{_kind(node)}", node)
        outer, self._within_unknown = self._within_unknown, True
        self.found.files += files_of(node, self._size_of)
        lines: list[str] = []
        for key, value in node.items():
            lines += self._values(key, value, f"{place}.{key}")
        self._within_unknown = outer
        return lines

    def _values(self, key: str, value: Any, place: str) -> list[str]:
        """The lines of what stands under a key of which nothing is known."""
        if isinstance(value, str):
            if key in _LINK_KEYS and has_scheme(value.strip()):
                self.found.entities.add_link(value)
            return [value] if key in _WORD_KEYS else []
        if isinstance(value, dict):
            return self._block(value, place)
        if not isinstance(value, list):
            return []
        if key == "text" or any(map(_is_inline, value)):
            return [self._inline(value, place)]
        lines: list[str] = []
        for index, inner in enumerate(value):
            lines += self._values("", inner, f"{place}[{index}]")
        return lines

    def _keep(self, place: str, value: Any) -> None:
        if value is not None and not self._within_unknown:
            self.found.unknown[place] = value

    def _keep_button(self, node: dict[str, Any], label: str) -> None:
        action = node.get("button")
        found = action if isinstance(action, dict) else {}
        more = {key: found.get(key) for key in ("copy_text", "query")}
        if button := labelled(label, found.get("url"), **more):
            self.found.buttons.append(button)

    def _add_link(self, value: Any, place: str) -> None:
        self.found.entities.add_link(value)
        if not isinstance(value, str):
            self._keep(place, value)

    def _add_target(self, target: Any, kind: str, text: str, place: str) -> None:
        """Link to an address or number that the text itself does not say."""
        if isinstance(target, str) and target:
            if target != text:
                self.found.entities.add_link(_TARGETS[kind] + target)
        elif target != "":
            self._keep(place, target)

    def _keep_track(self, node: dict[str, Any], place: str) -> None:
        """Keep who plays what: the first track as that of a message, the others in a list."""
        track = {}
        for key in _TRACK:
            if isinstance(value := node.get(key), str):
                track[key] = value
            else:
                self._keep(f"{place}.{key}", value)
        extra = self.found.extra
        if track and extra.keys().isdisjoint(_TRACK):
            extra.update(track)
        elif track:
            extra.setdefault("more_tracks", []).append(track)

    def _keep_location(self, geo: Any) -> None:
        if isinstance(geo, dict) and geo.get("latitude") is not None:
            keys = ("latitude", "longitude")
            self.found.extra.setdefault("location", {key: geo.get(key) for key in keys})


def _kind(node: Any) -> str:
    kind = node.get("type") if isinstance(node, dict) else None
    return kind if isinstance(kind, str) else ""


def _is_inline(value: Any) -> bool:
    return _kind(value) in INLINE
