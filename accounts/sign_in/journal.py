"""
Log, count and record who signed in, who did not, and who was refused.

Never a password, token or session. A name that somebody typed is written only if an account has
it: otherwise it may be a password in the wrong field.
"""

import logging
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from accounts import audit
from accounts.client_address import client_address
from accounts.models import User
from events.metrics import series

_log = logging.getLogger(__name__)
NOBODY = "unknown account"
ATTEMPTS = series.counter(
    "sign_in_attempts_total",
    "Attempts to sign in, by outcome",
    {"outcome": ("succeeded", "failed", "limited", "refused")},
)


def succeeded(request: HttpRequest, user: User, *, method: str) -> None:
    _log.info("Signed in: %s from %s by %s", user, client_address(request), method)
    ATTEMPTS.labels("succeeded").inc()
    audit.record("sign_in.succeeded", target=user, after={"method": method}, user=user)


def failed(request: HttpRequest, user: User | None) -> None:
    """A password was checked and wrong, or nobody has the name."""
    _log.warning("Sign-in failed: %s from %s", user or NOBODY, client_address(request))
    ATTEMPTS.labels("failed").inc()
    audit.record("sign_in.failed", target=user, after={"account": _named(user)})


def code_failed(request: HttpRequest, user: User, *, kind: str) -> None:
    """A code of the second factor was checked and wrong."""
    _log.warning("Second factor failed: %s from %s", user, client_address(request))
    ATTEMPTS.labels("failed").inc()
    audit.record("second_factor.failed", target=user, after={"kind": kind})


def limited(
    request: HttpRequest, user: User | None, *, kind: str, until: datetime, is_first: bool
) -> None:
    """
    A guess was not checked.

    Each is logged; the audit gets the first one of each wait, since an attack may bring thousands.
    """
    _log.warning(
        "Sign-in limited: %s from %s, %s waits until %s",
        user or NOBODY, client_address(request), kind, until.isoformat(timespec="seconds"),
    )  # fmt: skip
    ATTEMPTS.labels("limited").inc()
    if is_first:
        after = {"account": _named(user), "limit": kind, "until": until.isoformat()}
        audit.record("sign_in.limited", target=user, after=after)


def refused(request: HttpRequest, user: User | None, *, reason: str) -> None:
    """Somebody proved who they are and still may not sign in."""
    _log.warning("Sign-in refused: %s from %s, %s", user or NOBODY, client_address(request), reason)
    ATTEMPTS.labels("refused").inc()
    after = {"account": _named(user), "reason": reason}
    audit.record("sign_in.refused", target=user, after=after)


def signed_out(request: HttpRequest, user: User) -> None:
    _log.info("Signed out: %s from %s", user, client_address(request))
    audit.record("sign_out", target=user, user=user)


def changed(request: HttpRequest | None, user: User, event: str, **after: Any) -> None:
    """Something of how `user` signs in was changed; `event` is a code of the audit."""
    address = client_address(request) if request else "this host"
    _log.info("%s: %s from %s", event, user, address)
    audit.record(event, target=user, after=after or None)


def _named(user: User | None) -> str:
    return str(user) if user else NOBODY
