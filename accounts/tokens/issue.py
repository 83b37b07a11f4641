"""Make a token for a user."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from knox.models import get_digest_token

from accounts import audit
from accounts.access import may, may_anywhere
from accounts.models import ApiToken, Scope, Tenant, User
from accounts.models.api_token import PREFIX, SHOWN_CHARS
from accounts.tokens.scopes import ALLOWED
from events.errors import DomainError

MOST_TOKENS: Final = 50
"""Valid tokens of a user at most: who needs more has lost sight of them."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The token that somebody wants; `lifetime` None means that it never expires."""

    user: User
    name: str
    scope: Scope = Scope.READ
    tenant: Tenant | None = None
    lifetime: timedelta | None = None


class TokenNotIssued(DomainError):
    """The user may have no such token; `field` names what is wrong with the wish."""

    code: ClassVar[str] = "token_not_issued"
    http_status: ClassVar[int] = 422

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field

    def context(self) -> dict[str, Any]:
        return {"field": self.field}


def issue(
    wish: Wish, *, now: datetime, may_be_endless: bool = False, pk: uuid.UUID | None = None
) -> tuple[ApiToken, str]:
    """
    Make the token; returns its row and the token itself, which nobody can read again.

    Raises TokenNotIssued: nobody gets a token for what he may not do, although it would have no
    effect. `pk` makes the call repeatable: a second one raises IntegrityError.
    """
    _check(wish, now=now, may_be_endless=may_be_endless)
    digest, secret = get_digest_token(PREFIX)
    with transaction.atomic():
        token = ApiToken.objects.create(
            id=pk or uuid.uuid4(),
            digest=digest,
            token_key=secret[:SHOWN_CHARS],
            user=wish.user,
            created=now,
            expiry=None if wish.lifetime is None else now + wish.lifetime,
            name=wish.name,
            scope=wish.scope,
            tenant=wish.tenant,
        )
        audit.record("token.issued", target=token, tenant=wish.tenant, after=facts(token))
    return token, secret


def facts(token: ApiToken) -> dict[str, Any]:
    """What the audit keeps of a token; the token itself is not known here."""
    return {
        "user": token.user.get_username(),
        "name": token.name,
        "begins_with": token.token_key,
        "scope": str(token.scope),
        "tenant": str(token.tenant_id) if token.tenant_id else None,
        "expiry": token.expiry.isoformat() if token.expiry else None,
    }


def _check(wish: Wish, *, now: datetime, may_be_endless: bool) -> None:
    if not wish.user.is_active:
        raise TokenNotIssued("user", _("The account is not active."))
    _check_scope(wish)
    _check_lifetime(wish.lifetime, may_be_endless=may_be_endless)
    if ApiToken.objects.filter(user=wish.user).active(now).count() >= MOST_TOKENS:
        text = _("The user has %(count)s valid tokens already. Revoke one that nobody uses.")
        raise TokenNotIssued("user", text % {"count": MOST_TOKENS})


def _check_scope(wish: Wish) -> None:
    action = ALLOWED[wish.scope]
    allowed = (
        may(wish.user, action, wish.tenant) if wish.tenant else may_anywhere(wish.user, action)
    )
    if not allowed:
        text = _("No role of the user allows the scope “%(scope)s”.")
        if wish.tenant:
            text = _("The role of the user in this tenant does not allow the scope “%(scope)s”.")
        raise TokenNotIssued("scope", text % {"scope": Scope(wish.scope).label})


def _check_lifetime(lifetime: timedelta | None, *, may_be_endless: bool) -> None:
    if lifetime is None:
        if not may_be_endless:
            raise TokenNotIssued("days", _("Only a superuser makes tokens that never expire."))
        return
    longest: timedelta = settings.API_TOKEN_MAX_LIFETIME
    if not timedelta() < lifetime <= longest:
        text = ngettext(
            "A token is valid for %(days)s day at most.",
            "A token is valid for %(days)s days at most.",
            longest.days,
        )
        raise TokenNotIssued("days", text % {"days": longest.days})
