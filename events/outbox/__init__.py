"""The table of published events. `publish` is all that other rooms need of it."""

from events.outbox.publishing import (
    PublishedOutsideTransaction,
    publish,
    publish_anew,
    publish_many,
)

__all__ = ["PublishedOutsideTransaction", "publish", "publish_anew", "publish_many"]
