"""
Changes of the installation's settings, noticed at the next start.

Variables of the environment change outside of the product. So each start of the web server and
of the workers compares what is in force with what was at the last one, and the database decides
which of several processes writes the entry.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from django.conf import settings
from django.db import transaction

from accounts.audit.rows import record
from accounts.audit.values import CHANGED, SET
from accounts.models import KnownSettings

_KEY = "(key of the hashes)"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is in force, {variable: text}; of `secrets` nothing but a change is ever shown."""

    values: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)


def note(role: str, found: Configuration) -> bool:
    """
    Record what differs from the last start of `role` ("web", "workers"); True if anything does.

    The first start records what differs from the defaults.
    """
    with transaction.atomic():
        KnownSettings.objects.bulk_create([KnownSettings(role=role)], ignore_conflicts=True)
        known = KnownSettings.objects.select_for_update().get(role=role)
        last, now = known.values, _storable(found)
        if last == now:
            return False
        before, after = _difference(last, now, found)
        known.values = now
        known.save()
        if before or after:
            record("settings.changed", target=known, before=before or None, after=after)
        return bool(before or after)


def _storable(found: Configuration) -> dict[str, str]:
    hashes = {name: _hash(secret) for name, secret in found.secrets.items()}
    return {**found.values, **hashes, _KEY: _hash(_KEY)}


def _hash(secret: str) -> str:
    """A hash that says nothing to whoever reads the database: its key is not there."""
    return hmac.new(settings.SECRET_KEY.encode(), secret.encode(), sha256).hexdigest()[:32]


def _difference(
    last: Mapping[str, str], now: Mapping[str, str], found: Configuration
) -> tuple[dict[str, str], dict[str, str]]:
    """What was and what is, of the variables that differ; without those that only a release adds."""
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    for name in sorted({*last, *now} - {_KEY}):
        was, is_ = last.get(name, found.defaults.get(name, "")), now.get(name, "")
        if name in found.secrets:
            if _is_changed(name, last, found):
                after[name] = CHANGED if last else SET
        elif was != is_:
            before[name], after[name] = was, is_
    return (before if last else {}), after


def _is_changed(name: str, last: Mapping[str, str], found: Configuration) -> bool:
    """Whether a secret is another one; hashes of another key cannot be compared."""
    if name not in last:
        return bool(found.secrets[name])
    if last.get(_KEY) != _hash(_KEY):
        return name == "DJANGO_SECRET_KEY"
    return last[name] != _hash(found.secrets[name])
