"""Channels, their posts, the stored files that posts share, and the imports that brought them."""

from media.models.channel import Channel
from media.models.ids import channel_id, media_object_id, post_id
from media.models.imports import ImportProblem, ImportRun
from media.models.media_object import MAX_MEDIA_BYTES, MediaObject
from media.models.post import SEARCHED_WORDS, MediaRole, MediaState, Post, PostMedia, PostSighting

__all__ = [
    "MAX_MEDIA_BYTES",
    "SEARCHED_WORDS",
    "Channel",
    "ImportProblem",
    "ImportRun",
    "MediaObject",
    "MediaRole",
    "MediaState",
    "Post",
    "PostMedia",
    "PostSighting",
    "channel_id",
    "media_object_id",
    "post_id",
]
