"""
Why a file or a value is not read, in English; the console and the commands tell it in their language.

Texts without figures are found by the catalog as they are, the others as `Sentence`.
"""

from typing import Final

from events.sentences import Sentence, gettext_noop

NOT_UTF8: Final = gettext_noop("the file is not UTF-8 here")
NO_VALUE: Final = gettext_noop("expected a value")
NOT_A_VALUE: Final = gettext_noop("not a JSON value")
TOO_DEEP: Final = gettext_noop("nested too deeply")
ENDS_INSIDE: Final = gettext_noop("the file ends in the middle of a value")
ENDS_EARLY: Final = gettext_noop("the file ends before its last bracket")
BEYOND_BOUNDS: Final = gettext_noop("a number beyond all bounds")
NO_LIST: Final = gettext_noop("the messages of a chat must be a list")

NOT_JSON: Final = Sentence(gettext_noop("not JSON: %(why)s"))
NO_CONSTANT: Final = Sentence(gettext_noop("%(name)s is not JSON"))
NO_MARK: Final = Sentence(gettext_noop("expected one of %(marks)s"))
TOO_LONG: Final = Sentence(gettext_noop("one value is longer than %(most)s characters"))
UNCLOSED: Final = Sentence(
    gettext_noop("one value is longer than %(most)s characters and does not end")
)
DISK: Final = Sentence(gettext_noop("the disk cannot read on (%(why)s)"))

OF_THE_DECODER: Final = (
    gettext_noop("Expecting value"),
    gettext_noop("Expecting property name enclosed in double quotes"),
    gettext_noop("Expecting ':' delimiter"),
    gettext_noop("Expecting ',' delimiter"),
    gettext_noop("Illegal trailing comma before end of object"),
    gettext_noop("Illegal trailing comma before end of array"),
    gettext_noop("Unterminated string starting at"),
    gettext_noop("Invalid control character at"),
    gettext_noop("Invalid \\escape"),
    gettext_noop("Invalid \\uXXXX escape"),
    gettext_noop("Extra data"),
)
"""What the standard library's decoder says."""
