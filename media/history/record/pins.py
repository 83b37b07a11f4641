"""Messages that were pinned: facts about posts that may come before or after their posts."""

from collections.abc import Collection

from media.models import Channel, PinnedMessage


def record_pins(channel: Channel, message_ids: Collection[int]) -> None:
    """Note that these messages were pinned, be they in the archive or not. Repeatable."""
    if message_ids:
        PinnedMessage.objects.bulk_create(
            [
                PinnedMessage(channel=channel, telegram_message_id=one)
                for one in sorted(message_ids)
            ],
            ignore_conflicts=True,
        )
