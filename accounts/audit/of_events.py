"""Record what people do to events; their room knows nothing of accounts and tells by a signal."""

from typing import Any

from accounts.audit.rows import record
from events.acted import acted


def listen() -> None:
    acted.connect(_record, dispatch_uid="audit")


def _record(*, event: str, target: Any, before: Any, after: Any, **_: Any) -> None:
    record(event, target=target, before=before, after=after)
