"""
What of a model's answer counts: at most five tags in the form that was asked for. Pure functions.

The model is not trusted: it may have been talked into something by a post, or make things up.
"""

import json
import re
from typing import Any, Final, NoReturn

from vision.tagging.port import CATEGORIES, MOST_TAGS, OTHER, FoundTag
from vision.tagging.words.names import canonical

MOST_CHARS: Final = 20_000
"""A longer answer is none."""
MOST_WORDS: Final = 4
"""Of a tag: what is longer is a sentence."""
_GAP: Final = re.compile(r"[_\s]+")
_FENCED: Final = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL | re.IGNORECASE)


def tags_of(answer: str, *, mark: str) -> list[FoundTag] | None:
    """
    The tags of an answer, each name once, the surest first; None where it is no answer.

    Dropped are tags without a confidence from 0 to 1, sentences, and what repeats the `mark`.
    """
    found = _object(answer)
    listed = found.get("tags") if found is not None else None
    if not isinstance(listed, list):
        return None
    tags: dict[str, FoundTag] = {}
    for one in listed[:MOST_TAGS]:
        tag = _tag(one, mark)
        if tag and (tag.name not in tags or tags[tag.name].confidence < tag.confidence):
            tags[tag.name] = tag
    return sorted(tags.values(), key=lambda tag: -tag.confidence)


def _object(answer: str) -> dict[str, Any] | None:
    """The one object of an answer; a fence of Markdown around it is forgiven, words are not."""
    text = answer.strip()
    if len(text) > MOST_CHARS:
        return None
    fenced = _FENCED.fullmatch(text)
    try:
        found = json.loads(fenced[1] if fenced else text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _tag(one: Any, mark: str) -> FoundTag | None:
    if not isinstance(one, dict):
        return None
    written: Any = one.get("name")
    confidence: Any = one.get("confidence")
    category: Any = one.get("category")
    if not isinstance(written, str) or not _is_share(confidence):
        return None
    name, words = canonical(written), len(_GAP.split(written.strip()))
    if not name or words > MOST_WORDS or mark in written:
        return None
    is_known = isinstance(category, str) and category in CATEGORIES
    return FoundTag(name, round(float(confidence), 2), category if is_known else OTHER)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
