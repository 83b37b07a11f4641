"""The posts that a query names by number or link, among those that may be seen."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from media.models import Channel, Post
from search.query.message_reference import MessageReference, read_reference
from search.query.parsed import ChannelBy, ChannelReference
from search.services.named_channels import is_channel


def find_messages(
    references: Sequence[MessageReference], tenants: Sequence[UUID]
) -> dict[MessageReference, tuple[UUID, ...]]:
    """Ids of the posts of these tenants by reference, newest first; empty where there are none."""
    if not references:
        return {}
    channels = {channel.pk: channel for channel in Channel.objects.filter(tenant__in=list(tenants))}
    numbers = {reference.message_id for reference in references}
    # By channels rather than by tenant: numbers are unique, and indexed, within a channel.
    rows = Post.objects.filter(channel__in=list(channels), telegram_message_id__in=numbers)
    posts = list(
        rows.only("channel_id", "telegram_message_id", "telegram_post_url").order_by(
            "-posted_at", "pk"
        )
    )
    return {reference: _named(reference, posts, channels) for reference in references}


def _named(
    reference: MessageReference, posts: Sequence[Post], channels: Mapping[UUID, Channel]
) -> tuple[UUID, ...]:
    return tuple(post.pk for post in posts if _is(post, reference, channels))


def _is(post: Post, reference: MessageReference, channels: Mapping[UUID, Channel]) -> bool:
    if post.telegram_message_id != reference.message_id:
        return False
    if not reference.channel:
        return True
    by = ChannelBy.ID if reference.channel.isdecimal() else ChannelBy.USERNAME
    if is_channel(channels[post.channel_id], ChannelReference(by, reference.channel)):
        return True
    # The link that was true when the post was archived: the channel may be renamed since.
    kept = read_reference(post.telegram_post_url)
    return kept is not None and kept.channel.lower() == reference.channel.lower()
