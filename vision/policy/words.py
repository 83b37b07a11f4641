"""What pydantic finds wrong with a policy, known for translation; keys stand before it as they are."""

from typing import Final

from django.utils.translation import gettext

from events.sentences import Sentence, gettext_noop, retold

MISTAKES: Final = (
    gettext_noop("Extra inputs are not permitted"),
    gettext_noop("Field required"),
    gettext_noop("Input should be a valid integer"),
    gettext_noop("Input should be a valid number"),
    gettext_noop("Input should be a valid string"),
    gettext_noop("Input should be a valid boolean"),
    gettext_noop("Input should be a valid list"),
    gettext_noop("Input should be a valid dictionary"),
    gettext_noop("Input should be a valid integer, unable to parse string as an integer"),
    gettext_noop("Input should be a valid number, unable to parse string as a number"),
    gettext_noop("Input should be a valid boolean, unable to interpret input"),
)
BOUNDS: Final = (
    Sentence(gettext_noop("Input should be greater than or equal to %(least)s")),
    Sentence(gettext_noop("Input should be greater than %(least)s")),
    Sentence(gettext_noop("Input should be less than or equal to %(most)s")),
    Sentence(gettext_noop("Input should be less than %(most)s")),
)


def told(problem: str) -> str:
    """A problem of PolicyRefused, `key: mistake`, in the reader's language."""
    key, colon, mistake = problem.partition(": ")
    return f"{key}{colon}{retold(mistake, gettext)}"
