"""The parser of JSON bodies."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from events.console import translated


class StrictJSONParser(JSONParser):
    """
    Parser that reads every body as UTF-8, as RFC 8259 says, whatever the content type claims.

    It refuses half a surrogate pair, which JSON can express but PostgreSQL and UTF-8 cannot.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        context = {**(parser_context or {}), "encoding": "utf-8"}
        try:
            data = super().parse(stream, media_type, context)
            json.dumps(data, ensure_ascii=False).encode()
        except ParseError as error:
            raise _refused(_why(error.__context__)) from error
        except RecursionError as error:
            raise _refused(_("nested too deeply")) from error
        except UnicodeEncodeError as error:
            raise _refused(_("half a surrogate pair")) from error
        return data


def _refused(why: str) -> ParseError:
    return ParseError(_("The body is not JSON: %(why)s.") % {"why": why})


def _why(cause: BaseException | None) -> str:
    match cause:
        case json.JSONDecodeError():
            place = {"what": translated(cause.msg), "line": cause.lineno, "column": cause.colno}
            return _("%(what)s in line %(line)d, column %(column)d") % place
        case UnicodeDecodeError():
            return _("it is not UTF-8")
        case _other:
            return _("a number in it cannot be read")
