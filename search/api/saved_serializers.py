"""Serializers of saved searches and of what they have matched."""

from typing import Any

from rest_framework import serializers

from search.models import SavedSearch, SearchMatch
from search.models.saved_search import NAME_MAX_LENGTH
from search.query.parse import MOST_CHARS

MOST_MARKED = 1000


class SavedSearchSerializer(serializers.Serializer[SavedSearch]):
    """A saved search in an answer."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    q = serializers.CharField(source="text", help_text="in the query language, as it was typed")
    paused = serializers.BooleanField(source="is_paused")
    since = serializers.DateTimeField(help_text="posts that came or changed since then are told")
    created_at = serializers.DateTimeField()
    matches = serializers.IntegerField(source="total")
    unseen = serializers.IntegerField()


class SaveSerializer(serializers.Serializer[Any]):
    """What is asked for by whoever saves a search."""

    q = serializers.CharField(
        max_length=MOST_CHARS, help_text="in the query language; a post has to have all its words"
    )
    name = serializers.CharField(
        max_length=NAME_MAX_LENGTH, required=False, allow_blank=True, default=""
    )


class ChangeSerializer(serializers.Serializer[Any]):
    """What of a saved search is to change."""

    q = serializers.CharField(max_length=MOST_CHARS, required=False)
    name = serializers.CharField(max_length=NAME_MAX_LENGTH, required=False, allow_blank=True)
    paused = serializers.BooleanField(required=False)


class MatchesQuerySerializer(serializers.Serializer[Any]):
    unseen = serializers.BooleanField(default=False, help_text="only those not marked as seen")


class SavedMatchSerializer(serializers.Serializer[SearchMatch]):
    """A post that matched."""

    id = serializers.IntegerField()
    post_id = serializers.UUIDField()
    tenant_id = serializers.UUIDField()
    channel_id = serializers.UUIDField(source="post.channel_id")
    channel = serializers.CharField(source="post.channel", help_text="title")
    url = serializers.CharField(source="post.telegram_post_url", help_text="in Telegram, or empty")
    posted_at = serializers.DateTimeField(source="post.posted_at")
    matched_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField(allow_null=True)


class MarkSerializer(serializers.Serializer[Any]):
    """Which matches have been seen."""

    matches = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        max_length=MOST_MARKED,
        required=False,
        help_text="`id` of each; without it all of them",
    )


class MarkedSerializer(serializers.Serializer[Any]):
    marked = serializers.IntegerField(help_text="matches that had not been seen before")
