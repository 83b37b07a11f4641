"""
How requests of the API say who asks: `Authorization: Token …`, or the session of a browser.

The classes that count (`CountedToken`, `CountedSession`) are the default of every view. The others
are for addresses that monitoring asks and that answer however often they are asked.
"""

import logging
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from django.utils.translation import gettext as _
from knox.auth import TokenAuthentication
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import audit
from accounts.access import restrict
from accounts.models import ApiToken, TokenState, User
from accounts.rate_limits import requests as counted
from accounts.tokens import schema as _schema  # noqa: F401 - it registers itself
from accounts.tokens.find import find, note_use
from accounts.tokens.scopes import restriction_of

logger = logging.getLogger(__name__)

LONGEST: Final = 200
"""Characters of a token; a longer text is none, and nothing is computed of it."""


class TokenRefused(AuthenticationFailed):
    """The token is not accepted; `token` is its row, if there is one."""

    def __init__(self, reason: str, token: ApiToken | None = None) -> None:
        super().__init__(reason)
        self.token = token


class ByToken(TokenAuthentication):  # type: ignore[misc]  # knox has no types
    """
    The user of a token that is valid at this moment, limited to what the token allows.

    Row, user and rights are read anew for each request: whoever is revoked, removed, deactivated
    or given a smaller role is refused at the next one.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        found = find(token.decode("ascii", "replace")) if len(token) <= LONGEST else None
        if found is None:
            raise TokenRefused(_("There is no such token."))
        now = timezone.now()
        if reason := _why_not(found, found.state(now)):
            raise TokenRefused(reason, found)
        restrict(found.user, restriction_of(found))
        note_use(found, now=now)
        return found.user, found


class CountedToken(ByToken):
    """The same; what a token asks is counted, and so are tokens that are not accepted."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        try:
            found: tuple[User, ApiToken] | None = super().authenticate(request)
        except AuthenticationFailed as refusal:
            # Counted first: whoever sends it over and over again fills neither log nor audit.
            counted.count_failure(request._request)  # noqa: SLF001 - DRF's name for Django's own
            _tell(getattr(refusal, "token", None))
            raise
        if found:
            counted.count_token(found[1].pk)
        return found


class CountedSession(SessionAuthentication):
    """
    The user who is signed in; what he asks is counted, and so is what nobody asks.

    It is the last one that is asked, so whoever shows no session shows nothing.
    """

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, Any] | None:
        asked = request._request  # noqa: SLF001 - DRF's name for Django's own
        user = getattr(asked, "user", None)
        if isinstance(user, AbstractBaseUser) and user.is_active:
            counted.count_user(user.pk)
        else:
            counted.count_address(asked)
        return super().authenticate(request)


UNCOUNTED: Final = (ByToken, SessionAuthentication)


def _why_not(token: ApiToken, state: TokenState) -> str:
    """Say why the token is not accepted; whoever has it may know. Empty: it is."""
    if not token.user.is_active:
        return _("The account of this token is not active.")
    return {
        TokenState.ACTIVE: "",
        TokenState.EXPIRED: _("This token has expired."),
        TokenState.REVOKED: _("This token has been revoked."),
    }[state]


def _tell(token: ApiToken | None) -> None:
    if token is None:
        logger.warning("a token of the API that nobody has was sent")
        return
    logger.warning("a token of the API is refused", extra={"user_id": token.user_id})
    audit.record("token.refused", target=token, tenant=token.tenant, user=token.user)
