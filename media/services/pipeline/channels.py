"""The channel of a chat that is imported."""

from django.db import transaction

from accounts.models import Tenant
from media.models import Channel, channel_id
from media.posts.statements import Statements, merge
from media.sources.port import Chat

_MERGED = ("title", "kind")
"""The columns that sources decide; an operator's username and pause are kept."""


def build_channel(chat: Chat, *, tenant: Tenant) -> Channel:
    """Make the channel of a chat without storing it; its id is the one it has when stored."""
    return Channel(
        id=channel_id(tenant.pk, chat.tg_channel_id),
        tenant=tenant,
        tg_channel_id=chat.tg_channel_id,
        username=chat.username[:64],
        title=chat.title[:255],
        kind=chat.kind[:32],
        as_of=chat.as_of,
    )


def save_channel(chat: Chat, *, tenant: Tenant) -> Channel:
    """Store the channel, or merge it with the stored one: the newer title counts."""
    channel = build_channel(chat, tenant=tenant)
    with transaction.atomic():
        stored, created = Channel.objects.get_or_create(
            pk=channel.pk,
            defaults={
                name: getattr(channel, name)
                for name in ("tenant", "tg_channel_id", "username", "title", "kind", "as_of")
            },
        )
        if not created and _merge(stored, channel):
            # Again, now that no other import can change it meanwhile.
            stored = Channel.objects.select_for_update().get(pk=channel.pk)
            if _merge(stored, channel):
                stored.save(update_fields=[*_MERGED, "as_of", "older_fields"])
    stored.tenant = tenant  # spares a query for each post
    return stored


def _merge(stored: Channel, found: Channel) -> bool:
    """Merge what is found into the stored channel; False where that changes nothing."""
    before = _statements(stored)
    merged = merge(before, _statements(found)).statements
    if merged == before:
        return False
    for name, value in merged.values.items():
        setattr(stored, name, value[0])
    stored.as_of, stored.older_fields = merged.as_of, merged.older
    return True


def _statements(channel: Channel) -> Statements:
    said = {name: (value,) for name in _MERGED if (value := getattr(channel, name))}
    return Statements(said, channel.as_of, channel.older_fields)
