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
from events.sentences import Sentence, gettext_noop

_SESSIONS = Sentence(gettext_noop("expired sessions deleted"))
_TOKENS = Sentence(gettext_noop("%(count)s tokens deleted"))
_LIMITS = Sentence(gettext_noop("%(count)s rate limits deleted"))
_ENTRIES = Sentence(gettext_noop("%(count)s audit entries deleted"))


def clear_sessions(**_: Any) -> str:
    """Delete expired sessions, which Django itself never does, and limits that count no more."""
    now = timezone.now()
    call_command("clearsessions")
    sessions.forget_ended(now=now)
    limits.prune(now=now)
    return _SESSIONS % {}


def prune_tokens(**_: Any) -> str:
    """Delete tokens that have been over for so long that nobody asks what became of them."""
    return _TOKENS % {"count": revoke.forget(now=timezone.now())}


def prune_rate_limits(**_: Any) -> str:
    """Delete rows of those who have not asked for a while, of whom there may be many addresses."""
    return _LIMITS % {"count": limiter.prune(now=timezone.now())}


def prune_audit(**_: Any) -> str:
    """Delete audit entries that are older than AUDIT_KEPT_DAYS."""
    count = pruning.prune(before=timezone.now() - settings.AUDIT_KEPT)
    return _ENTRIES % {"count": count}
