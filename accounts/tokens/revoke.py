"""End tokens before their time, and forget those that are over."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from accounts import audit
from accounts.models import ApiToken
from accounts.tokens.issue import facts

KEPT: Final = timedelta(days=30)
"""So long the list still tells what became of a token that is over."""


def revoke(token: ApiToken, *, now: datetime) -> bool:
    """
    End a token: the next request with it is refused. Returns whether it was not ended before.

    Its row stays for a while, so that whoever looks for it finds out what happened.
    """
    with transaction.atomic():
        changed = ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(
            revoked_at=now
        )
        if changed:
            audit.record(
                "token.revoked",
                target=token,
                tenant=token.tenant,
                before=facts(token),
                after={"revoked_at": now.isoformat()},
            )
    return bool(changed)


def forget(*, now: datetime) -> int:
    """Delete the tokens that have been over for KEPT; returns how many there were."""
    deleted: int = ApiToken.objects.over_since(now - KEPT).delete()[0]
    return deleted
