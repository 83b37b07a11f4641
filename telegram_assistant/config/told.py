"""What is wrong with the environment, in the language of LANGUAGE_CODE, where Django cannot translate yet."""

import gettext
import os
import re
from typing import Final

from dotenv import dotenv_values

from events.sentences import Sentence, retold
from events.sentences import gettext_noop as _
from telegram_assistant.config.source import BASE_DIR, ENV_FILE
from telegram_assistant.config.web import Web

_OF_PYDANTIC: Final = (
    Sentence(_("String should match pattern %(pattern)s")),
    Sentence(_("String should have at least %(least)s characters")),
    Sentence(_("String should have at most %(most)s characters")),
    Sentence(_("Input should be '%(choices)s")),
    Sentence(_("Input should be greater than or equal to %(least)s")),
    Sentence(_("Input should be greater than %(least)s")),
    Sentence(_("Input should be less than or equal to %(most)s")),
    Sentence(_("Input should be less than %(most)s")),
)
_VARIABLE: Final = re.compile(r"(\s*)([A-Z][A-Z0-9_]*: )?(.*)", re.DOTALL)


def told(problem: str) -> str:
    """Each line, and what stands behind a variable's name, in the reader's language."""
    locale = BASE_DIR / "telegram_assistant" / "locale"
    catalog = gettext.translation("django", locale, [_language()], fallback=True)
    return "\n".join(_line(line, catalog) for line in problem.split("\n"))


def _line(line: str, catalog: gettext.NullTranslations) -> str:
    blanks, variable, rest = _VARIABLE.fullmatch(line).groups("")  # type: ignore[union-attr]  # fits all
    whole = f"{variable}{rest}"
    if (known := catalog.gettext(whole)) != whole:
        return f"{blanks}{known}"
    return f"{blanks}{variable}{retold(rest, catalog.gettext)}"


def _language() -> str:
    given = os.environ.get("LANGUAGE_CODE") or dotenv_values(ENV_FILE).get("LANGUAGE_CODE")
    return given or str(Web.model_fields["language_code"].default)
