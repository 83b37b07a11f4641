"""Channels, their posts, the stored files that posts share, and the imports that brought them."""

from media.models.channel import Channel
from media.models.history import (
    ChannelSource,
    ChannelState,
    CountsDue,
    MassDeletion,
    MessageSource,
    PostCounts,
    PostSource,
    PostVersion,
    PostVersionMedia,
    SourceKind,
)
from media.models.ids import channel_id, media_object_id, post_id
from media.models.imports import ImportProblem, ImportRun
from media.models.media_object import MAX_MEDIA_BYTES, MediaObject
from media.models.pins import PinnedMessage
from media.models.post import (
    SEARCHED_WORDS,
    Deletion,
    MediaRole,
    MediaState,
    Post,
    PostMedia,
    PostSighting,
)
from media.models.telegram import (
    AccountState,
    ChannelFeed,
    ChannelGap,
    FeedState,
    GapReason,
    TelegramAccount,
)

__all__ = [
    "MAX_MEDIA_BYTES",
    "SEARCHED_WORDS",
    "AccountState",
    "Channel",
    "ChannelFeed",
    "ChannelGap",
    "ChannelSource",
    "ChannelState",
    "CountsDue",
    "Deletion",
    "FeedState",
    "GapReason",
    "ImportProblem",
    "ImportRun",
    "MassDeletion",
    "MediaObject",
    "MediaRole",
    "MediaState",
    "MessageSource",
    "PinnedMessage",
    "Post",
    "PostCounts",
    "PostMedia",
    "PostSighting",
    "PostSource",
    "PostVersion",
    "PostVersionMedia",
    "SourceKind",
    "TelegramAccount",
    "channel_id",
    "media_object_id",
    "post_id",
]
