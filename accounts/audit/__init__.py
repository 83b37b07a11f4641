"""
The record of who did what: `audit.record("budget.reset", target=tenant, after={"tokens": 3})`.

An entry is written in the transaction of what it tells of: both happen, or neither does. Only
what was refused anyway is refused also where its entry cannot be written (`events.Event`).
"""

from accounts.audit.actors import Actor, acting, current, of_command, of_token, of_user
from accounts.audit.events import EVENTS, Event, EventUnknown
from accounts.audit.following import follow, followed
from accounts.audit.rows import record
from accounts.audit.spans import recorded

__all__ = [
    "EVENTS",
    "Actor",
    "Event",
    "EventUnknown",
    "acting",
    "current",
    "follow",
    "followed",
    "of_command",
    "of_token",
    "of_user",
    "record",
    "recorded",
]
