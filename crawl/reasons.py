"""Why a page is in its state: the codes, and what they mean in words."""

from enum import StrEnum
from typing import Final

from django.utils.translation import gettext_lazy as _


class Reason(StrEnum):
    FETCHED = "fetched"
    NOT_MODIFIED = "not_modified"
    NO_ARTICLE = "no_article"
    NO_ROOM = "no_room"
    TENANT_BUDGET = "tenant_budget"
    DOMAIN_BUDGET = "domain_budget"
    RATE_LIMITED = "rate_limited"
    ROBOTS = "robots_txt_denied"
    ROBOTS_AWAY = "robots_txt_unavailable"
    ADDRESS = "address_refused"
    REDIRECTS = "too_many_redirects"
    TOO_LARGE = "too_large"
    NOT_HTML = "not_html"
    UNREADABLE = "unreadable"
    GONE = "gone"
    HTTP_ERROR = "http_error"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    GIVEN_UP = "given_up"
    DENIED = "host_denied"


WORDS: Final = {
    Reason.FETCHED: _("fetched"),
    Reason.NOT_MODIFIED: _("has not changed"),
    Reason.NO_ARTICLE: _("fetched, but there is no article on it"),
    Reason.NO_ROOM: _("read, but there is no room for it in the bucket"),
    Reason.TENANT_BUDGET: _("the tenant's pages of the day are used up"),
    Reason.DOMAIN_BUDGET: _("the domain's pages of the hour are used up"),
    Reason.RATE_LIMITED: _("the server asks for fewer requests"),
    Reason.ROBOTS: _("its robots.txt keeps us out"),
    Reason.ROBOTS_AWAY: _("its robots.txt cannot be read"),
    Reason.ADDRESS: _("the address is not for requests"),
    Reason.REDIRECTS: _("it leads on too often"),
    Reason.TOO_LARGE: _("the page is too large"),
    Reason.NOT_HTML: _("it is no page of HTML"),
    Reason.UNREADABLE: _("the page could not be taken apart"),
    Reason.GONE: _("the page is gone"),
    Reason.HTTP_ERROR: _("the server refuses the page"),
    Reason.SERVER_ERROR: _("the server has an error"),
    Reason.TIMEOUT: _("the server took too long"),
    Reason.UNREACHABLE: _("the server cannot be reached"),
    Reason.GIVEN_UP: _("given up: every visit ended without a result"),
    Reason.DENIED: _("the host is not on our lists"),
}


def in_words(code: str) -> str:
    """What a code means; the code itself where nobody knows it."""
    return str(WORDS[Reason(code)]) if code in Reason._value2member_map_ else code
