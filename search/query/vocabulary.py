"""The names of qualifiers and of their values, in English and Russian."""

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from media.sources.port import MediaKind
from search.query.parsed import Part, State
from vision.policy.language import ACCEPTED

T = TypeVar("T", bound=str)


class Qualifier(StrEnum):
    CHANNEL = "channel"
    ALBUM = "album"
    FROM = "from"
    IS = "is"
    HAS = "has"
    LANG = "lang"
    TAG = "tag"
    CLASS = "class"
    CATEGORY = "category"
    AFTER = "after"
    BEFORE = "before"
    ON = "on"


QUALIFIERS: Mapping[Qualifier, tuple[str, ...]] = {
    Qualifier.CHANNEL: ("канал",),
    Qualifier.ALBUM: ("альбом",),
    Qualifier.FROM: ("author", "от", "автор"),
    Qualifier.IS: ("это",),
    Qualifier.HAS: ("есть",),
    Qualifier.LANG: ("language", "язык"),
    Qualifier.TAG: ("тег", "тэг"),
    Qualifier.CLASS: ("класс", "kind", "вид"),
    Qualifier.CATEGORY: ("категория",),
    Qualifier.AFTER: ("since", "с", "после"),
    Qualifier.BEFORE: ("до",),
    Qualifier.ON: ("date", "за", "дата"),
}
STATES: Mapping[State, tuple[str, ...]] = {
    State.MEME: ("мем",),
    State.FORWARD: ("forwarded", "repost", "репост", "переслано", "пересланное"),
    State.EDITED: ("изменено", "измененное", "отредактировано"),
    State.PINNED: ("закреплено", "закрепленное", "закреп"),
    State.REPLY: ("ответ",),
    State.ALBUM: ("альбом",),
    State.DELETED: ("removed", "удалено", "удаленное"),
}
FILES: Mapping[MediaKind, tuple[str, ...]] = {
    MediaKind.PHOTO: ("picture", "image", "фото", "картинка", "изображение"),
    MediaKind.VIDEO: ("видео",),
    MediaKind.ANIMATION: ("gif", "гиф", "гифка", "анимация"),
    MediaKind.STICKER: ("стикер",),
    MediaKind.VOICE: ("голосовое", "голос"),
    MediaKind.VIDEO_MESSAGE: ("round", "кружок", "видеосообщение"),
    MediaKind.AUDIO: ("music", "аудио", "музыка"),
    MediaKind.DOCUMENT: ("документ",),
}
PARTS: Mapping[Part, tuple[str, ...]] = {
    Part.TEXT: ("текст",),
    Part.LINK: ("url", "ссылка", "ссылки"),
    Part.MEDIA: ("file", "attachment", "медиа", "файл", "вложение"),
    Part.HASHTAG: ("хештег", "хэштег"),
    Part.POLL: ("опрос",),
    Part.LOCATION: ("place", "место", "геопозиция"),
    Part.CONTACT: ("контакт",),
    Part.GAME: ("игра",),
    Part.BUTTON: ("кнопка", "кнопки"),
}
CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "topic": ("subject", "тема"),
    "person": ("people", "человек", "люди", "персона", "персоны"),
    "organization": ("organisation", "company", "организация", "организации", "компания"),
    "place": ("location", "место", "места"),
    "event": ("событие", "события"),
    "product": ("продукт", "продукты", "товар"),
    "other": ("другое", "прочее"),
}
"""What the tags of a post name, by the values of `vision.tagging.port`."""
LANGUAGES: Mapping[str, tuple[str, ...]] = dict.fromkeys(ACCEPTED, ()) | {
    "ru": ("russian", "русский", "рус"),
    "en": ("english", "английский", "англ"),
    "uk": ("ukrainian", "украинский"),
    "be": ("belarusian", "белорусский"),
    "de": ("german", "немецкий"),
    "fr": ("french", "французский"),
    "es": ("spanish", "испанский"),
}
TODAY = frozenset({"today", "сегодня"})
YESTERDAY = frozenset({"yesterday", "вчера"})
UNITS = {"d": "day", "д": "day", "w": "week", "н": "week", "m": "month", "м": "month"} | {
    "y": "year", "г": "year",
}  # fmt: skip
"""Of `7d` and `7д`."""

_PREFIX = re.compile(r"-?([^\W\d_]{1,20}):")


def keyword(text: str) -> str:
    """
    The form in which names and values are compared: any case and width, ё as е, single spaces.

    The form of a form is itself. Twice, since folding leaves some letters taken apart; the spaces
    last, since ¨ becomes a space and an accent.
    """
    for _ in range(2):
        text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", text).replace("ё", "е").split())


def _by_name(names: Mapping[T, tuple[str, ...]]) -> dict[str, T]:
    return {name: one for one, others in names.items() for name in (str(one), *others)}


_QUALIFIERS = _by_name(QUALIFIERS)


def qualifier_prefix(syntax: str) -> tuple[Qualifier, int] | None:
    """The qualifier that `-name:` or `name:` begins, and how long that is; None if it is unknown."""
    found = _PREFIX.match(syntax)
    qualifier = _QUALIFIERS.get(keyword(found[1])) if found else None
    return (qualifier, found.end()) if found and qualifier else None


def named(value: str, names: Mapping[T, tuple[str, ...]]) -> T | None:
    """The one of `names` that is meant; an English plural will do."""
    known = _by_name(names)
    name = keyword(value).replace("-", "_")
    return known.get(name) or known.get(name.removesuffix("s"))
