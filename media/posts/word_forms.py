"""
The forms of words in which a text is searched and asked for: pure functions, one for both sides.

PostgreSQL takes a word apart at an accent, a soft hyphen, or a zero-width space, and reads
a.example/news or report.pdf as a single word. So the index of words gets further forms of such a
text, and a query is brought to the same forms.
"""

import re
from collections.abc import Iterator
from unicodedata import is_normalized, normalize
from urllib.parse import unquote

_INVISIBLE = "\u00ad\u200b-\u200d\u2060\ufeff"
_STRESS = "\u0300\u0301"
_VOWEL_SIGNS = "\u0640\u064b-\u0652\u0670"
_TYPEFACES = "\ufb00-\ufb06\ufb50-\ufdff\ufe70-\ufefc\uff01-\uff5e\U0001d400-\U0001d7ff"
"""
Ligatures, Arabic letters by their place, wide and mathematical letters. Not the whole of NFKC: that
changes … and № and no-break spaces, which most texts have.
"""
_SAME = str.maketrans({"ʼ": "'", "ѐ": "е", "ѝ": "и"})

_ODD = re.compile(f"[ʼѐѝ{_STRESS}{_INVISIBLE}{_VOWEL_SIGNS}{_TYPEFACES}]")
_TYPEFACE = re.compile(f"[{_TYPEFACES}]+")
_MARK = re.compile(f"(?<=[\u0400-\u04ff])[{_STRESS}]+|[{_VOWEL_SIGNS}]+")
_IN_A_WORD = re.compile(rf"(?<=\w)[{_INVISIBLE}]+(?=\w)")  # not those between emoji

_GLUE = re.compile(r"[/._&](?:(?<=[/.])[^\W\d_]|(?<=[_&])\w)")
"""Begins with one set of characters, not with a choice of two: that is sought four times as fast."""
_INITIALS = re.compile(r"\W*[^\W_]+(?:&[^\W_]+)+\W*")
_APART = re.compile(r"[\W_]+")
_SPACE = re.compile(r"\s")
_PROTOCOL = re.compile(r"\b[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_TERM = re.compile(r'(-?)("[^"]*"|\S+)')


def folded(text: str) -> str:
    """
    The text as people type it: й is one character, words have no stress marks, Arabic vowel signs,
    soft hyphens or zero-width spaces; plain letters for ligatures and typefaces; ʼ is '.
    """
    text = normalize("NFC", text)
    if not _ODD.search(text):
        return text
    text = _TYPEFACE.sub(lambda found: normalize("NFKC", found[0]), text).translate(_SAME)
    return normalize("NFC", _IN_A_WORD.sub("", _MARK.sub("", text)))


def split_words(text: str) -> str:
    """
    The words of a link or of a file's name, spaces between them.

    %D0%B9 is read as й; AT&T is one word.
    """
    text = folded(unquote(text)) if "%" in text else folded(text)
    return _words_of_folded(text)


def _words_of_folded(text: str) -> str:
    if "&" in text and _INITIALS.fullmatch(text):
        text = text.replace("&", "")  # of AT&T, both parts alone are stop words
    return _APART.sub(" ", _PROTOCOL.sub("", text, 1) if "://" in text else text).strip()


def has_further_forms(text: str) -> bool:
    """Whether `further_forms` may give any: cheap, an import asks it of each post."""
    if text.isascii():
        return bool(_GLUE.search(text))
    return bool(_GLUE.search(text) or _ODD.search(text)) or not is_normalized("NFC", text)


def further_forms(text: str) -> Iterator[str]:
    """What the index needs beside a text: the words of its links, and the text as it is typed."""
    plain = folded(text)
    for piece in dict.fromkeys(_glued(plain)):
        if words := split_words(piece) if "%" in piece else _words_of_folded(piece):
            yield words
    if plain != text:
        yield plain


def _glued(text: str) -> Iterator[str]:
    """What stands between white space and is more than a word, in order; found without a split."""
    end = 0
    for found in _GLUE.finditer(text):
        if found.start() < end:
            continue
        start, end = found.span()
        while start and not text[start - 1].isspace():
            start -= 1
        end = space.start() if (space := _SPACE.search(text, end)) else len(text)
        yield text[start:end]


def query_forms(term: str) -> tuple[str, ...]:
    """
    A query in the syntax of web searches, in the forms of which a post has to match one.

    The second has the words of links and of names of files in place of them, as a phrase.
    """
    term = folded(term)
    plain = _PROTOCOL.sub("", term)
    return tuple(dict.fromkeys((plain, _TERM.sub(_as_phrase, plain))))


def _as_phrase(found: re.Match[str]) -> str:
    minus, term = found.groups()
    words = split_words(term) if _GLUE.search(term) else ""
    return f'{minus}"{words}"' if words else found[0]
