"""
UTF-16 without a mark, in any script: a text is of one script, and of bytes that no other text has.

Pairs of bytes of other encodings are characters, too: those of Latin and Japanese ones mostly
Chinese, of Russian and Korean ones private or Korean. But a space or a line break has a zero
beside it in UTF-16 alone, and what is Chinese by chance has not the characters that Chinese has most.
"""

import unicodedata
from collections import Counter
from functools import cache
from typing import Final

_SAMPLE: Final = 16_384
_ORDERS: Final = ("utf-16-le", "utf-16-be")
_SHOWN: Final = frozenset("\t\n\r\f\xad\u200b\u200c\u200d\u200e\u200f\ufeff")
_NEVER: Final = frozenset({"Cc", "Cs", "Co", "Cn"})
_HAN: Final = "HAN"
_SAME_AS_HAN: Final = frozenset(
    {"CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "BOPOMOFO", "VERTICAL"}
)
_BESIDE: Final = frozenset({"LATIN", "CYRILLIC", "COMBINING", "MODIFIER", "FULLWIDTH", "HALFWIDTH"})
"""What may stand in a text of another script: names, formulas, accents, wide forms."""
_OF_ONE_SCRIPT: Final = 0.9
_LETTERS: Final = 0.4
_FEWEST: Final = 10
_COMMON: Final = frozenset(
    "的一是不了在人有我他这這个個们們中来來上大为為和国國地到以说說时時要就出会會可也你对對生能而子那得于於着下自之年过過发發"
    "后後作里道行所然家种種事成方多经經么去法学學如都同现現当當没動动面起看定天分还還进進好小部其些主样樣理心她本前开開但因只从從"
)
_COMMON_PART: Final = 0.08
"""Of Chinese, these characters are a third; of characters that other bytes make, one in a hundred."""


def of_any_script(raw: bytes) -> str | None:
    """The text of these bytes, in either order; None where they are none of UTF-16."""
    for order in _ORDERS:
        try:
            sample = _whole(raw[:_SAMPLE], order)
        except UnicodeDecodeError:
            continue
        if _is_text(sample):
            return raw[: len(raw) // 2 * 2].decode(order, "replace")
    return None


def _whole(raw: bytes, order: str) -> str:
    """The characters of the bytes, without a half of a pair at the end."""
    even = raw[: len(raw) // 2 * 2]
    try:
        return even.decode(order)
    except UnicodeDecodeError as error:
        if error.start < len(even) - 2:
            raise
        return even[:-2].decode(order)


def _is_text(text: str) -> bool:
    if any(char not in _SHOWN and unicodedata.category(char) in _NEVER for char in text):
        return False
    scripts = Counter(filter(None, map(_script, text)))
    letters = scripts.total()
    if letters < max(_FEWEST, _LETTERS * len(text)):
        return False
    foreign = Counter({name: n for name, n in scripts.items() if name not in _BESIDE})
    if not foreign:
        return _has_spaces(text) and sum(map(str.isascii, text)) > len(text) / 2
    [(script, most)] = foreign.most_common(1)
    if most < _OF_ONE_SCRIPT * foreign.total():
        return False
    return _is_common(text, most) if script == _HAN else _has_spaces(text)


def _has_spaces(text: str) -> bool:
    """Whether there are characters with a zero byte, which texts of other encodings have not."""
    return any(char in text for char in " \n\r")


def _is_common(text: str, letters: int) -> bool:
    found = sum(char in _COMMON or "\u3041" <= char <= "\u30ff" for char in text)
    return found >= _COMMON_PART * letters


@cache
def _script(char: str) -> str:
    """The script of a letter or of a mark on one; empty for other characters."""
    if unicodedata.category(char)[0] not in "LM":
        return ""
    name = unicodedata.name(char, "").replace("-", " ").partition(" ")[0]
    return _HAN if name in _SAME_AS_HAN else name
