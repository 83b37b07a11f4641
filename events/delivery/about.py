"""What a delivery is about, for every line that is logged while it is handled."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Final

from events.logs import log_context
from events.models import Delivery

COPIED: Final = ("post_id", "channel_id")
"""Keys of an event's payload that its lines carry as they are."""


def about_delivery(delivery: Delivery) -> AbstractContextManager[None]:
    """Name the subscriber, the tenant, the post and, where the event is about one, the picture."""
    event = delivery.event
    payload = event.payload if isinstance(event.payload, dict) else {}
    return log_context.about(
        subscriber=delivery.subscriber,
        tenant_id=event.tenant_id,
        sha256=_only_content(payload),
        **{name: payload.get(name) for name in COPIED},
    )


def _only_content(payload: Mapping[str, object]) -> object:
    """SHA-256 of the only file of the event; an event about several files names none of them."""
    files = payload.get("media_files") or payload.get("media")
    if isinstance(files, list) and len(files) == 1 and isinstance(files[0], Mapping):
        return files[0].get("sha256")
    return None
