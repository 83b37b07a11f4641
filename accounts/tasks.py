"""Entry points of django-q2: they take primitives and return a short outcome."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from accounts.audit import pruning
from accounts.rate_limits import limiter
from accounts.sign_in import sessions
from accounts.sign_in.guesses import limits
from accounts.tokens import revoke


def clear_sessions(**_: Any) -> str:
    """Delete expired sessions, which Django itself never does, and limits that count no more."""
    now = timezone.now()
    call_command("clearsessions")
    sessions.forget_ended(now=now)
    limits.prune(now=now)
    return "expired sessions deleted"


def prune_tokens(**_: Any) -> str:
    """Delete tokens that have been over for so long that nobody asks what became of them."""
    return f"{revoke.forget(now=timezone.now())} tokens deleted"


def prune_rate_limits(**_: Any) -> str:
    """Delete rows of those who have not asked for a while, of whom there may be many addresses."""
    return f"{limiter.prune(now=timezone.now())} rate limits deleted"


def prune_audit(**_: Any) -> str:
    """Delete audit entries that are older than AUDIT_KEPT_DAYS."""
    count = pruning.prune(before=timezone.now() - settings.AUDIT_KEPT)
    return f"{count} audit entries deleted"
