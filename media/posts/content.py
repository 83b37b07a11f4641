"""
The content of a post as a source says it: a mapping of what it says, and of nothing else.

Its keys are `text`; `formatting`, a list of `[start, length, type]` and, for some types, a value,
in characters (code points); `media`, the kind of the file, empty without one; and `files`, the
SHA-256 of each file. A key that is missing is a gap: the source does not say it. Names of files
are no part of it, since each export gives its own. Pure: no queries.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

FORMATTING: Final = "formatting"
"""The key in `Post.extra`, too."""
FILES_GAP: Final = 1
FORMATTING_GAP: Final = 2
_GAPS: Final = {FILES_GAP: "files", FORMATTING_GAP: FORMATTING}
KEY_CHARS: Final = 32

Content = Mapping[str, Any]
_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def content_of(
    *, text: str, extra: Mapping[str, Any], media_kind: str, files: Iterable[str], gaps: int
) -> Content:
    """Make the content out of columns of a post, without what `gaps` says was not said."""
    said = {
        "text": text,
        FORMATTING: extra.get(FORMATTING, []),
        "media": media_kind,
        "files": list(files),
    }
    return {name: value for name, value in said.items() if name not in _names(gaps)}


def _names(gaps: int) -> list[str]:
    return [name for bit, name in _GAPS.items() if gaps & bit]


def compatible(one: Content, other: Content) -> bool:
    """Whether both may be the same content: they agree on whatever both say."""
    return all(one[name] == other[name] for name in one.keys() & other.keys())


def filled(content: Content, *others: Content) -> Content:
    """Fill the gaps of a content from others, in their order."""
    result: dict[str, Any] = {}
    for one in (content, *others):
        result = {**one, **result}
    return result


def after(content: Content, before: Content | None) -> Content:
    """
    Fill the gaps of a content from the one that was shown before it.

    A file counts as kept while the post still has one of its kind, formatting with its text.
    """
    if before is None:
        return content
    kept = dict(content)
    for name, depends_on in (("files", "media"), (FORMATTING, "text")):
        if name not in kept and name in before and before[depends_on] == content[depends_on]:
            kept[name] = before[name]
    return kept


def canonical(content: Content) -> str:
    """The JSON that is hashed: UTF-8, keys sorted, no spaces, what is not known as null."""
    return _canonical({name: content.get(name) for name in ("text", FORMATTING, "media", "files")})


def content_hash(content: Content) -> str:
    """The SHA-256 (hex) that proves a content."""
    return hashlib.sha256(canonical(content).encode("utf-8", "surrogatepass")).hexdigest()


def key_of(content: Content, edited_at: datetime | None) -> str:
    """Name a content and the edit that made it, among all that sources said of one post."""
    edited = "" if edited_at is None else edited_at.astimezone(UTC).isoformat()
    basis = f"{edited}\n{_canonical(content)}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(basis).hexdigest()[:KEY_CHARS]


def said_as(gaps: int, key: str = "") -> str:
    """Write gaps and key as `Post.said_as` has them."""
    return f"{gaps}{key}" if gaps or key else ""


def read_said_as(text: str) -> tuple[int, str]:
    """Read gaps and key of `Post.said_as`."""
    return (int(text[0]), text[1:]) if text else (0, "")
