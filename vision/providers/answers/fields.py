"""
Validates the fields of an answer, so that they can be stored, shown and searched.

Each field is validated separately: a wrong one is corrected or dropped and the others are kept.
Control characters, direction overrides and lone surrogates are removed everywhere, and tags consist
of a closed set of characters: their text may come from the picture (CONTRACT B15).
"""

import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict

from vision.providers.port import ClassificationType

DESCRIPTION_CHARS = 500
"""The prompt demands 160; a longer description is kept up to this length."""
SHORTEST_DESCRIPTION = 5
SCENE_CHARS = 200
WORD_CHARS = 64
OCR_CHARS = 20_000
MAX_LABELS, MAX_OBJECTS, MAX_COLORS = 20, 10, 5
_MAX_ITEMS = 200

KNOWN_FIELDS: Final = frozenset(
    {"classification", "description", "is_meme", "labels", "objects", "scene", "ocr"}
)
_CLASSES: Final[dict[str, ClassificationType]] = {
    name: name for name in get_args(ClassificationType)
}
_CLASS_WORDS: Final[dict[ClassificationType, re.Pattern[str]]] = {
    "meme": re.compile(r"\bмем(?:ы|а|е|ом|ов)?\b|\bmemes?\b"),
    "screenshot": re.compile(r"\bскрин|\bснимо?к\w* экран|\bscreen ?(?:shot|capture)"),
    "infographic": re.compile(
        r"\bинфограф|\bдиаграмм|\bграфик|\bсхем|\binfographic|\bcharts?\b|\bdiagram"
    ),
    "document": re.compile(r"\bдокумент|\bскан(?:ы|а|ом)?\b|\bdocument|\bscan(?:s|ned)?\b"),
    "photo": re.compile(r"\bфото|\bснимок|\bснимк|\bphoto"),
    "other": re.compile(r"\bизображ|\bкартин|\bрисун|\bimage|\bpicture|\bdrawing|\bother\b|\bпроч"),
}
"""Matched in this order: a screenshot of a document is a screenshot."""
_YES: Final = frozenset({"true", "yes", "да", "1", "мем"})
_NOTHING: Final = frozenset({"", "null", "none", "нет", "n/a", "-", "—"})
_ODD_IN_WORDS = re.compile(r"[^\w\s.+#&'’-]")
_COLOR = re.compile(r"#?([0-9A-Fa-f]{6}|[0-9A-Fa-f]{3})")
_KEPT_FORMATS: Final = "\u200d"  # joins the parts of an emoji

ErrorType = Literal["empty", "not_json", "nothing_described", "image_not_seen"]


class AnswerUnusable(Exception):
    """The answer describes no picture. `error_type` is from a closed set, fit for a metric label."""

    def __init__(self, error_type: ErrorType) -> None:
        super().__init__(error_type)
        self.error_type = error_type


class Answer(BaseModel):
    """A model's description of a picture, within the bounds of CONTRACT §2.1."""

    model_config = ConfigDict(frozen=True)

    classification: ClassificationType
    description: str
    is_meme: bool = False
    labels: list[str] = []
    objects: list[str] = []
    scene: str | None = None
    ocr_text: str = ""
    ocr_confidence: float | None = None
    nsfw_score: float | None = None
    aesthetic_score: float | None = None
    dominant_colors: list[str] = []


def read_fields(data: dict[str, Any]) -> Answer:
    """Validate the fields. Raises AnswerUnusable where none of them describes the picture."""
    labels = words(data.get("labels"), most=MAX_LABELS, lower=True)
    objects = words(data.get("objects"), most=MAX_OBJECTS, lower=False)
    scene = _line(data.get("scene"), longest=SCENE_CHARS)
    ocr_text, ocr_confidence = _ocr(data.get("ocr"))
    description = _line(data.get("description"), longest=DESCRIPTION_CHARS)
    if len(description) < SHORTEST_DESCRIPTION:
        description = _substitute_description(scene, labels, objects, ocr_text)
    classification = class_of(data.get("classification"))
    return Answer(
        classification=classification or "other",
        description=description,
        is_meme=_is_yes(data.get("is_meme")) or classification == "meme",
        labels=labels,
        objects=objects,
        scene=scene or None,
        ocr_text=ocr_text,
        ocr_confidence=ocr_confidence,
        nsfw_score=_share(data.get("nsfw_score")),
        aesthetic_score=_share(data.get("aesthetic_score")),
        dominant_colors=_colors(data.get("dominant_colors")),
    )


def class_of(value: Any) -> ClassificationType | None:
    """Return one of the six classes, also for a Russian or inflected word; None for no match."""
    if isinstance(value, dict):
        value = value.get("type")
    named = _line(value, longest=DESCRIPTION_CHARS).casefold()
    if named in _CLASSES:
        return _CLASSES[named]
    return next((meant for meant, pattern in _CLASS_WORDS.items() if pattern.search(named)), None)


def words(value: Any, *, most: int, lower: bool) -> list[str]:
    """Return distinct tags of letters, digits and a few signs; a string is split at commas."""
    parts = re.split(r"[,;\n]", value[:OCR_CHARS]) if isinstance(value, str) else value
    if not isinstance(parts, list):
        return []
    cleaned = (_word(part, lower=lower) for part in parts[:_MAX_ITEMS])
    return _first(cleaned, most)


def clean(text: str) -> str:
    """Remove invisible characters except line breaks and tabs; compose accents (NFC)."""
    kept = "".join(c for c in unicodedata.normalize("NFC", text) if _is_visible(c))
    return kept.strip()


def one_line(text: str, *, longest: int) -> str:
    line = " ".join(clean(text).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def _is_visible(character: str) -> bool:
    if character in "\n\t" or character in _KEPT_FORMATS:
        return True
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def _line(value: Any, *, longest: int) -> str:
    """Return text and numbers as one line, "" for other types and for words such as “none”."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = one_line(str(value)[:OCR_CHARS], longest=longest)
    return "" if text.casefold() in _NOTHING else text


def _substitute_description(
    scene: str, labels: list[str], objects: list[str], ocr_text: str
) -> str:
    """Make a description of the other fields, rather than lose an answer that has been billed."""
    rest = scene or ", ".join(labels) or ", ".join(objects)
    if not rest and ocr_text:
        rest = f"Текст на изображении: {ocr_text}"
    if len(rest) < SHORTEST_DESCRIPTION:
        raise AnswerUnusable("nothing_described")
    return one_line(rest, longest=DESCRIPTION_CHARS)


def _is_yes(value: Any) -> bool:
    return value is True or _line(value, longest=WORD_CHARS).casefold() in _YES


def _ocr(value: Any) -> tuple[str, float | None]:
    confidence = None
    if isinstance(value, dict):
        confidence = _share(value.get("confidence"))
        value = value.get("text")
    if isinstance(value, list):
        value = "\n".join(line for line in value[:_MAX_ITEMS] if isinstance(line, str))
    if not isinstance(value, str):
        return "", None
    text = clean(value[: OCR_CHARS + 1])[:OCR_CHARS]
    return ("", None) if text.casefold() in _NOTHING else (text, confidence)


def _word(value: Any, *, lower: bool) -> str:
    if isinstance(value, dict):
        value = next((value[key] for key in ("name", "label", "value") if key in value), None)
    bare = _ODD_IN_WORDS.sub(" ", _line(value, longest=WORD_CHARS))
    word = " ".join(bare.split()).strip(" .-'’&")
    return word.lower() if lower else word


def _share(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()[:WORD_CHARS].replace(",", ".")
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number <= 1 else None


def _colors(value: Any) -> list[str]:
    parts = re.split(r"[,;\s]+", value[:OCR_CHARS]) if isinstance(value, str) else value
    if not isinstance(parts, list):
        return []
    return _first((_color(part) for part in parts[:_MAX_ITEMS]), MAX_COLORS)


def _color(value: Any) -> str:
    found = _COLOR.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return ""
    digits = found[1] if len(found[1]) > len("RGB") else "".join(d * 2 for d in found[1])
    return f"#{digits.upper()}"


def _first(values: Iterable[str], most: int) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))[:most]
