"""What was wrong with a query, where, and what to write instead. Nothing here is an exception."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


def gettext_noop(text: str) -> str:
    """Mark a text for the catalog, as Django's function of this name does."""
    return text


class ProblemCode(StrEnum):
    EMPTY_VALUE = "empty_value"
    OPEN_QUOTE = "open_quote"
    UNKNOWN_VALUE = "unknown_value"
    BAD_DATE = "bad_date"
    BAD_NUMBER = "bad_number"
    BAD_LANGUAGE = "bad_language"
    BAD_LABEL = "bad_label"
    EMPTY_PERIOD = "empty_period"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"
    UNKNOWN_CHANNEL = "unknown_channel"
    UNKNOWN_MESSAGE = "unknown_message"
    TOO_COMMON = "too_common"


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One thing that was not understood, or not searched.

    `start` and `end` are its place in the text as given, in characters (code points); `text` is
    what stands there, without invisible characters, cut when it is long. `qualifier` is the
    English name, where there is one; `choices` are the values that would have been right, where
    they are few; `limit` the figure that was exceeded.

    What is found out by whoever searches (`unknown_channel`, `unknown_message`,
    `too_common`) has the place 0 to 0, and `text` is the condition as it is printed.
    """

    code: ProblemCode
    start: int
    end: int
    text: str
    qualifier: str = ""
    choices: tuple[str, ...] = ()
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Explanation:
    """A problem for a person: what happened, and what to do."""

    message: str
    remedy: str


_TEXTS = {
    ProblemCode.EMPTY_VALUE: (
        gettext_noop("“%(text)s” has no value."),
        gettext_noop("Write the value right after the colon, and in quotes if it has spaces."),
    ),
    ProblemCode.OPEN_QUOTE: (
        gettext_noop("The quote after “%(text)s” is not closed."),
        gettext_noop('Write the same kind of quote after the value, as in %(qualifier)s:"…".'),
    ),
    ProblemCode.UNKNOWN_VALUE: (
        gettext_noop("“%(text)s”: there is no such value."),
        gettext_noop("Use one of: %(choices)s. To search for the words, put them in quotes."),
    ),
    ProblemCode.BAD_DATE: (
        gettext_noop("“%(text)s” is not a date."),
        gettext_noop(
            "Write a date as 2026-11-01, 2026-11, 2026, today, yesterday or 7d, of the years 1970"
            " to 2100. To search for the words, put them in quotes."
        ),
    ),
    ProblemCode.BAD_NUMBER: (
        gettext_noop("“%(text)s” is not a number that can be an id."),
        gettext_noop("Write the id as digits, as in %(qualifier)s:12345."),
    ),
    ProblemCode.BAD_LANGUAGE: (
        gettext_noop("“%(text)s” is not a language that is recognized."),
        gettext_noop("Write its code of two letters, as in lang:ru or lang:en."),
    ),
    ProblemCode.BAD_LABEL: (
        gettext_noop("“%(text)s” is not a tag."),
        gettext_noop("Write the tag right after the colon, and in quotes if it has spaces."),
    ),
    ProblemCode.EMPTY_PERIOD: (
        gettext_noop("“%(text)s”: no date is both after the one and before the other."),
        gettext_noop(
            "Change “after:” or “before:”; “after:” includes its date, “before:” does not."
        ),
    ),
    ProblemCode.TOO_LONG: (
        gettext_noop("The query is too long; “%(text)s” and what follows was left out."),
        gettext_noop("Shorten it to %(limit)d characters."),
    ),
    ProblemCode.TOO_MANY: (
        gettext_noop("The query has too many parts; “%(text)s” and what follows was left out."),
        gettext_noop("Shorten it to %(limit)d words and qualifiers."),
    ),
    ProblemCode.UNKNOWN_CHANNEL: (
        gettext_noop("“%(text)s”: you see no such channel."),
        gettext_noop("Write its @username, its id, or words of its title in quotes."),
    ),
    ProblemCode.UNKNOWN_MESSAGE: (
        gettext_noop("“%(text)s”: you see no such message in the archive."),
        gettext_noop("Import a newer export of the channel, or search for words of the message."),
    ),
    ProblemCode.TOO_COMMON: (
        gettext_noop(
            "“%(text)s” was not applied: it only has words or signs that the index leaves out."
        ),
        gettext_noop("Add a word that says more than “and”, “in” or “not”."),
    ),
}


def explain(problem: Problem, *, translate: Callable[[str], str] = gettext_noop) -> Explanation:
    """Explain a problem in the language of `translate`, which is given the English texts."""
    values = {
        "text": problem.text,
        "qualifier": problem.qualifier,
        "choices": ", ".join(problem.choices),
        "limit": problem.limit,
    }
    message, remedy = (translate(text) % values for text in _TEXTS[problem.code])
    return Explanation(message, remedy)
