"""Primary keys that are derived from natural keys, so that an import needs no query for them."""

import uuid


def channel_id(tenant_id: uuid.UUID, tg_channel_id: int) -> uuid.UUID:
    return uuid.uuid5(tenant_id, f"channel:{tg_channel_id}")


def post_id(channel: uuid.UUID, telegram_message_id: int) -> uuid.UUID:
    return uuid.uuid5(channel, f"post:{telegram_message_id}")


def media_object_id(tenant_id: uuid.UUID, sha256: str) -> uuid.UUID:
    return uuid.uuid5(tenant_id, f"media:{sha256}")
