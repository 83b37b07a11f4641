"""The channel of a chat that is imported."""

from django.db import transaction

from accounts.models import Tenant
from media.models import Channel, channel_id
from media.sources.port import Chat


def build_channel(chat: Chat, *, tenant: Tenant) -> Channel:
    """Make the channel of a chat without storing it; its id is the one it has when stored."""
    return Channel(
        id=channel_id(tenant.pk, chat.tg_channel_id),
        tenant=tenant,
        tg_channel_id=chat.tg_channel_id,
        username=chat.username[:64],
        title=chat.title[:255],
        kind=chat.kind[:32],
    )


def save_channel(chat: Chat, *, tenant: Tenant) -> Channel:
    """Store the channel, or rename the stored one. An operator's username and pause are kept."""
    channel = build_channel(chat, tenant=tenant)
    with transaction.atomic():
        stored, created = Channel.objects.get_or_create(
            pk=channel.pk,
            defaults={
                name: getattr(channel, name)
                for name in ("tenant", "tg_channel_id", "username", "title", "kind")
            },
        )
        if not created and chat.title and stored.title != channel.title:
            stored.title = channel.title
            stored.save(update_fields=["title"])
    stored.tenant = tenant  # spares a query for each post
    return stored
