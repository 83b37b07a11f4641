"""
The record of who did what: `audit.record("cleanup.run", after={"deleted": 3})`.

An entry is written in the transaction of what it tells of: both happen or neither does.
"""

from accounts.audit.actors import Actor, acting, current, of_command, of_token, of_user
from accounts.audit.events import EVENTS, Event, EventUnknown
from accounts.audit.rows import record

__all__ = [
    "EVENTS",
    "Actor",
    "Event",
    "EventUnknown",
    "acting",
    "current",
    "of_command",
    "of_token",
    "of_user",
    "record",
]
