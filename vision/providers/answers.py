"""
The ladder from what a model said to what it saw; every rung is tried before a paid answer is lost.

Strict JSON → a balanced object cut out of its wrapping → repair of a torn one → key words in prose
(CONTRACT §2.3). Whatever is written in an answer is data of a stranger: see `answer_fields`.
"""

import json
import re
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeGuard

from vision.providers import answer_words
from vision.providers.answer_fields import KNOWN_FIELDS, Answer, AnswerUnusable, read_fields

MAX_CHARS = 100_000
"""A longest answer of 8192 tokens has some 40 000; the rest of anything longer is not read."""
MAX_DEPTH = 32
_MAX_STARTS = 8
_MAX_CUTS = 20
_PAIRS = {"{": "}", "[": "]"}

# Possessive, so that a string without an end is given up at once.
_STRING = r'"(?:[^"\\]|\\.)*+"'
_TOKEN = re.compile(_STRING + r'|["{}\[\],]', re.DOTALL)
_UNTIDY = re.compile(_STRING + r"|,(?=\s*[}\]])|\b(?:True|False|None)\b", re.DOTALL)
_TORN_ESCAPE = re.compile(r"(\\+)(?:u[0-9a-fA-F]{0,3})?$")
_JSON_WORDS = {"True": "true", "False": "false", "None": "null", ",": ""}
_SCALAR = re.compile(
    rf'"(classification|description|is_meme|scene|text)"\s*:\s*({_STRING}|true|false)', re.DOTALL
)

Method = Literal["strict", "cut", "repaired", "keywords"]


@dataclass(frozen=True, slots=True)
class Parsed:
    """An answer and the rung of the ladder that it was found on."""

    answer: Answer
    method: Method


def parse(text: str) -> Parsed:
    """What the model saw. Raises AnswerUnusable, never anything else."""
    text = text[:MAX_CHARS].strip()
    if not text:
        raise AnswerUnusable("empty")
    found = _climb(text)
    if answer_words.says_it_saw_nothing(_said(found) if found else text):
        raise AnswerUnusable("image_not_seen")
    return found or Parsed(answer_words.from_prose(text), "keywords")


def _said(found: Parsed) -> str:
    """What may be an excuse: with labels or text beside it, it describes a picture of one."""
    answer = found.answer
    is_bare = not (answer.labels or answer.objects or answer.ocr_text)
    return answer.description if is_bare else ""


def _climb(text: str) -> Parsed | None:
    """The rungs that need a JSON object; None where there is no trace of one."""
    whole = _load(text)
    if _is_ours(whole):
        return Parsed(read_fields(whole), "strict")
    balanced, torn = _objects_in(text)
    if balanced is not None:
        return Parsed(read_fields(balanced), "cut")
    if torn is not None:
        return Parsed(read_fields(torn), "repaired")
    scalars = _scalars_in(text)
    return Parsed(read_fields(scalars), "repaired") if scalars else None


def _is_ours(found: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(found, dict) and not KNOWN_FIELDS.isdisjoint(found)


def _objects_in(text: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The first balanced object that is an answer, else the first torn one made whole."""
    torn: dict[str, Any] | None = None
    start = text.find("{")
    for _ in range(_MAX_STARTS):
        if start < 0:
            break
        end, cuts = _walk(text, start)
        if end is not None and _is_ours(found := _load(_tidy(text[start:end]))):
            return found, None
        torn = torn or _mend(text, start, cuts)
        start = text.find("{", start + 1)  # it may lie inside of another object
    return None, torn


class _Cut(NamedTuple):
    """A place where the object can be closed: what is still open there, innermost last."""

    end: int
    open: str
    in_string: bool = False


def _walk(text: str, start: int) -> tuple[int | None, list[_Cut]]:
    """Where the object at `start` ends; or None and the places to close it at, best first."""
    cuts: deque[_Cut] = deque(maxlen=_MAX_CUTS)
    stack = ""
    for token in _TOKEN.finditer(text, start):
        sign = token.group()
        if sign in _PAIRS and len(stack) < MAX_DEPTH:
            stack += sign
        elif sign == ",":
            cuts.append(_Cut(token.start(), stack))
        elif sign == '"':
            cuts.append(_Cut(len(text), stack, in_string=True))
            return None, list(reversed(cuts))
        elif sign in _PAIRS or (sign in "}]" and sign != _PAIRS[stack[-1]]):
            cuts.append(_Cut(token.start(), stack))
            return None, list(reversed(cuts))
        elif sign in "}]":
            stack = stack[:-1]
            if not stack:
                return token.end(), list(reversed(cuts))
    cuts.append(_Cut(len(text), stack))
    return None, list(reversed(cuts))


def _mend(text: str, start: int, cuts: list[_Cut]) -> dict[str, Any] | None:
    for cut in cuts:
        piece = text[start : cut.end]
        if cut.in_string:
            piece = _without_torn_escape(piece) + '"'
        closing = "".join(_PAIRS[sign] for sign in reversed(cut.open))
        if _is_ours(found := _load(_tidy(piece + closing))):
            return found
    return None


def _without_torn_escape(piece: str) -> str:
    torn = _TORN_ESCAPE.search(piece)
    if torn is None or len(torn[1]) % 2 == 0:
        return piece
    return piece[: torn.end(1) - 1]


def _scalars_in(text: str) -> dict[str, Any]:
    """Field by field, where the object as a whole is beyond repair (quotes inside of strings)."""
    found: dict[str, Any] = {}
    for name, value in _SCALAR.findall(text):
        found.setdefault("ocr" if name == "text" else name, _load(value))
    return found


def _tidy(piece: str) -> str:
    """Python's words for JSON's, and no comma before a bracket; strings are left alone."""
    return _UNTIDY.sub(lambda found: _JSON_WORDS.get(found.group(), found.group()), piece)


def _load(piece: str) -> Any:
    """None for what is no JSON. Line breaks inside of strings are let pass, NaN is nothing."""
    try:
        return json.loads(piece, strict=False, parse_constant=lambda _: None)
    except (ValueError, RecursionError):  # also numbers of thousands of digits, depths of thousands
        return None
