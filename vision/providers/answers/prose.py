"""
Answers in prose: the model ignored the format, or says that it has not seen the picture.

The phrases are variants of the one in GigaChat's issue 91 («Не могу посмотреть фотографию, поскольку
доступ к изображениям сейчас отсутствует…»), an answer that comes with HTTP 200 and is billed.
"""

import re
from typing import Final

from vision.providers.answers.fields import (
    DESCRIPTION_CHARS,
    SHORTEST_DESCRIPTION,
    Answer,
    AnswerUnusable,
    class_of,
    one_line,
)

_PICTURE: Final = r"(?:изображени|фото|картинк|картин|снимк|снимок|файл|вложени|скриншот)\w*"
_IMAGE: Final = r"(?:image|picture|photo|photograph|file|attachment|screenshot)s?"
_SEE: Final = (
    r"(?:посмотре|смотре|увиде|виде|просмотре|просматрива|откры|загрузи|проанализирова|анализирова"
    r"|описа|распозна|обработа|получи)\w*"
)
_NOT_SEEN: Final = re.compile(
    rf"""
    \bне\s+(?:могу|умею|в\s+состоянии|способ\w+|имею\s+возможност\w+|получилось|удалось|удаётся)
        \W+(?:\w+\W+){{0,4}}?{_SEE}\W+(?:\w+\W+){{0,4}}?{_PICTURE}
    | \bне\s+(?:вижу|получил[аи]?)\W+(?:\w+\W+){{0,3}}?{_PICTURE}
    | \b(?:доступ\w*|возможност\w+)\W+(?:\w+\W+){{0,5}}?{_PICTURE}\W+(?:\w+\W+){{0,4}}?
        (?:отсутств|огранич|нет\b|недоступ|закрыт)
    | \b(?:нет|отсутствует)\s+(?:доступа|возможности)\W+(?:\w+\W+){{0,4}}?{_PICTURE}
    | {_PICTURE}\s+(?:сейчас\s+)?(?:не\s+(?:прикрепл|приложен|загружен|загрузил|отобража|доступн
        |получен)|отсутствует|недоступн)
    | \b(?:пришлите|прикрепите|загрузите|отправьте)\W+(?:\w+\W+){{0,4}}?{_PICTURE}
    | \bкак\s+(?:текстовая|языковая)\s+модель
    | \b(?:can(?:no|')?t|can\s+not|can’t|unable\s+to|not\s+able\s+to)\W+(?:\w+\W+){{0,2}}?
        (?:see|view|access|open|look|process|analy[sz]e|describe|display|load)
        \W+(?:\w+\W+){{0,4}}?{_IMAGE}\b
    | \b(?:don['’]?t|do\s+not)\s+(?:have\s+(?:\w+\s+){{0,2}}?access|see)\W+(?:\w+\W+){{0,4}}?{_IMAGE}\b
    | \bno\s+{_IMAGE}\s+(?:was|were|is|has\s+been|have\s+been|attached|provided|visible|available)
    | \b{_IMAGE}\s+(?:is|was)\s+not\s+(?:attached|provided|visible|available|accessible|loaded)
    | \bas\s+an?\s+(?:text|language)[\w\s-]{{0,20}}model
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SEARCHED_CHARS: Final = 2000
"""Characters of an answer that are searched: a refusal comes at the beginning."""


def denies_seeing(text: str) -> bool:
    """Whether the text says that the model has not seen the picture."""
    return _NOT_SEEN.search(text[:_SEARCHED_CHARS]) is not None


def from_prose(text: str) -> Answer:
    """Take prose that names the class of the picture as its description, else AnswerUnusable."""
    description = one_line(text[:_SEARCHED_CHARS], longest=DESCRIPTION_CHARS)
    classification = class_of(description)
    looks_like_data = text.startswith(("{", "[", "<", "```"))
    if classification is None or looks_like_data or len(description) < SHORTEST_DESCRIPTION:
        raise AnswerUnusable("not_json")
    return Answer(
        classification=classification,
        description=description,
        is_meme=classification == "meme",
    )
