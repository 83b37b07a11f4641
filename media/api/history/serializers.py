"""Serializers of the requests and the responses of the history."""

import re
from datetime import UTC
from typing import Any, Final

from django.utils import timezone
from rest_framework import serializers

from media.history.counts.growth import MOST_POSTS
from media.history.counts.readings import METRICS
from media.history.timeline import Shown
from media.models import Deletion

_BLANK_FOR_PLUS: Final = re.compile(r"(T[\d:.]+) (\d\d:?\d\d)")


class InstantField(serializers.DateTimeField):
    """
    An instant in a query string; without a time zone, in the server's.

    An unescaped plus of `+03:00` arrives as a blank: both are accepted.
    """

    def to_internal_value(self, value: Any) -> Any:
        text = _BLANK_FOR_PLUS.sub(r"\1+\2", value) if isinstance(value, str) else value
        try:
            return super().to_internal_value(text).astimezone(UTC)
        except OverflowError:
            self.fail("overflow")


class AtQuerySerializer(serializers.Serializer[Any]):
    time = InstantField(help_text="ISO 8601, with a time zone or in the server's")


class GrowthQuerySerializer(serializers.Serializer[Any]):
    day = serializers.DateField(
        default=timezone.localdate, help_text="of the server's time zone; today"
    )
    by = serializers.ChoiceField(choices=METRICS, default="views")
    limit = serializers.IntegerField(min_value=1, max_value=MOST_POSTS, default=10)


class HistoricFileSerializer(serializers.Serializer[Any]):
    sha256 = serializers.CharField()
    media_id = serializers.UUIDField(allow_null=True)
    mime = serializers.CharField(allow_null=True)
    size_bytes = serializers.IntegerField(allow_null=True)


class HistoricPostSerializer(serializers.Serializer[Any]):
    post_id = serializers.UUIDField()
    tenant_id = serializers.UUIDField()
    channel_id = serializers.UUIDField()
    channel = serializers.CharField(help_text="title")
    telegram_message_id = serializers.IntegerField()
    url = serializers.CharField(help_text="in Telegram, or empty")
    posted_at = serializers.DateTimeField()


class PostVersionSerializer(serializers.Serializer[Any]):
    shown_from = serializers.DateTimeField(allow_null=True)
    is_exact = serializers.BooleanField(
        allow_null=True, help_text="false: it was first seen then, and may have been shown before"
    )
    hash = serializers.CharField(
        allow_null=True, help_text="SHA-256 of the canonical JSON of the content, see docs/api.md"
    )
    text = serializers.CharField(allow_null=True)
    formatting = serializers.ListField(
        child=serializers.ListField(),
        allow_null=True,
        help_text="[start, length, type, value] in characters (code points); null: not known",
    )
    media_kind = serializers.CharField(allow_null=True, help_text="empty: it has no file")
    media = HistoricFileSerializer(many=True, allow_null=True, help_text="null: not known")
    sources = serializers.ListField(child=serializers.CharField(), allow_null=True)


class DeletionSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True, help_text="when it was seen again")
    how = serializers.ChoiceField(choices=Deletion.values)


class CountsSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    views = serializers.IntegerField(allow_null=True)
    forwards = serializers.IntegerField(allow_null=True)
    replies = serializers.IntegerField(allow_null=True)
    reactions = serializers.IntegerField(allow_null=True)


class MomentSerializer(HistoricPostSerializer, PostVersionSerializer):
    """A post as its channel showed it; of a deleted one, the version that was shown last."""

    time = serializers.DateTimeField()
    state = serializers.ChoiceField(
        choices=list(Shown),
        help_text="not_yet: it was posted later; unknown: only a later version is known",
    )
    deleted = DeletionSerializer(allow_null=True)
    counts = CountsSerializer(allow_null=True, help_text="the last that were read by then")


class VersionsSerializer(HistoricPostSerializer):
    versions = PostVersionSerializer(many=True)
    deletions = DeletionSerializer(many=True)


class PostCountsSerializer(HistoricPostSerializer):
    counts = CountsSerializer(many=True)


class GrownSerializer(HistoricPostSerializer):
    growth = serializers.IntegerField()
    value = serializers.IntegerField(help_text="at the last reading of the day")
    since = serializers.DateTimeField(allow_null=True, help_text="null: posted on that day")
    until = serializers.DateTimeField()


class GrowthSerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    by = serializers.ChoiceField(choices=METRICS)
    results = GrownSerializer(many=True)
