"""
Parses an answer of a model in four steps, because an answer that is thrown away has been billed.

Strict JSON → a balanced object inside other text → a truncated or malformed object, repaired →
key words in prose (CONTRACT §2.3). The content of an answer is untrusted: see `answers.fields`.
"""

import json
import re
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeGuard

from vision.providers.answers import prose
from vision.providers.answers.fields import KNOWN_FIELDS, Answer, AnswerUnusable, read_fields

MAX_CHARS = 100_000
"""The longest answer, of 8192 tokens, has about 40 000; what exceeds the limit is not read."""
MAX_DEPTH = 32
_MAX_STARTS = 8
_MAX_CUTS = 20
_PAIRS = {"{": "}", "[": "]"}

# Possessive: a string without an end must fail at once, without backtracking.
_STRING = r'"(?:[^"\\]|\\.)*+"'
_TOKEN = re.compile(_STRING + r'|["{}\[\],]', re.DOTALL)
_UNTIDY = re.compile(_STRING + r"|,(?=\s*[}\]])|\b(?:True|False|None)\b", re.DOTALL)
_CUT_ESCAPE = re.compile(r"(\\+)(?:u[0-9a-fA-F]{0,3})?$")
_JSON_WORDS = {"True": "true", "False": "false", "None": "null", ",": ""}
_SCALAR = re.compile(
    rf'"(classification|description|is_meme|scene|text)"\s*:\s*({_STRING}|true|false)', re.DOTALL
)

Method = Literal["strict", "cut", "repaired", "keywords"]


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """An answer and the step that found it."""

    answer: Answer
    method: Method


def parse_answer(text: str) -> ParsedAnswer:
    """Parse an answer. Raises AnswerUnusable and no other exception."""
    text = text[:MAX_CHARS].strip()
    if not text:
        raise AnswerUnusable("empty")
    found = _parse_json(text)
    if prose.denies_seeing(_bare_description(found) if found else text):
        raise AnswerUnusable("image_not_seen")
    return found or ParsedAnswer(prose.from_prose(text), "keywords")


def _bare_description(found: ParsedAnswer) -> str:
    """
    The description, where it may say that the picture was not seen; otherwise "".

    Beside labels or recognized text, such words describe a picture (a screenshot of an error).
    """
    answer = found.answer
    is_bare = not (answer.labels or answer.objects or answer.ocr_text)
    return answer.description if is_bare else ""


def _parse_json(text: str) -> ParsedAnswer | None:
    """Try the three steps for JSON; None where nothing in the text resembles the object."""
    whole = _load(text)
    if _is_answer(whole):
        return ParsedAnswer(read_fields(whole), "strict")
    balanced, repaired = _objects_in(text)
    if balanced is not None:
        return ParsedAnswer(read_fields(balanced), "cut")
    if repaired is not None:
        return ParsedAnswer(read_fields(repaired), "repaired")
    scalars = _scalars_in(text)
    return ParsedAnswer(read_fields(scalars), "repaired") if scalars else None


def _is_answer(found: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(found, dict) and not KNOWN_FIELDS.isdisjoint(found)


def _objects_in(text: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return (balanced answer, None), or (None, the first malformed answer that could be repaired)."""
    repaired: dict[str, Any] | None = None
    start = text.find("{")
    for _ in range(_MAX_STARTS):
        if start < 0:
            break
        end, cuts = _walk(text, start)
        if end is not None and _is_answer(found := _load(_as_json(text[start:end]))):
            return found, None
        repaired = repaired or _repair(text, start, cuts)
        start = text.find("{", start + 1)  # the answer may be nested in another object
    return None, repaired


class _Cut(NamedTuple):
    """A position where the object can be closed; `open` holds the open brackets, innermost last."""

    end: int
    open: str
    in_string: bool = False


def _walk(text: str, start: int) -> tuple[int | None, list[_Cut]]:
    """Find the end of the object at `start`; None, with the positions to cut at, best first."""
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


def _repair(text: str, start: int, cuts: list[_Cut]) -> dict[str, Any] | None:
    """Cut the object at each position, close what is open, return the first result that parses."""
    for cut in cuts:
        piece = text[start : cut.end]
        if cut.in_string:
            piece = _without_cut_escape(piece) + '"'
        closing = "".join(_PAIRS[sign] for sign in reversed(cut.open))
        if _is_answer(found := _load(_as_json(piece + closing))):
            return found
    return None


def _without_cut_escape(piece: str) -> str:
    r"""Remove an escape sequence that the cut left incomplete: `\u04`, or a single backslash."""
    escape = _CUT_ESCAPE.search(piece)
    if escape is None or len(escape[1]) % 2 == 0:  # an even number is escaped backslashes
        return piece
    return piece[: escape.end(1) - 1]


def _scalars_in(text: str) -> dict[str, Any]:
    """Find single fields where no object could be repaired (unescaped quotes in a string)."""
    found: dict[str, Any] = {}
    for name, value in _SCALAR.findall(text):
        found.setdefault("ocr" if name == "text" else name, _load(value))
    return found


def _as_json(piece: str) -> str:
    """Replace Python's constants, drop trailing commas; strings stay as they are."""
    return _UNTIDY.sub(lambda found: _JSON_WORDS.get(found.group(), found.group()), piece)


def _load(piece: str) -> Any:
    """Parse JSON, None for what is none. Accepts line breaks in strings; NaN becomes None."""
    try:
        return json.loads(piece, strict=False, parse_constant=lambda _: None)
    except (ValueError, RecursionError):  # numbers of thousands of digits, nesting of thousands
        return None
