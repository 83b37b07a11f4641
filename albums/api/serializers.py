"""Serializers of albums."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from albums.models import AlbumKind, AlbumStatus, MediaGroup
from albums.services.progress import Progress, ShownItem
from events.logs import trace
from media.api.cursor import Page
from media.api.fields import MomentField
from media.posts.album_caption import NO_CAPTION

MOST, DEFAULT = 100, 50


class AlbumPageSerializer(serializers.Serializer[Any]):
    """The query of a page of albums."""

    channel_id = serializers.UUIDField(required=False)
    tenant_id = serializers.UUIDField(required=False)
    since = MomentField(required=False, help_text="posted at this time or later; ISO 8601")
    until = MomentField(required=False, help_text="posted before this time")
    status = serializers.MultipleChoiceField(
        choices=AlbumStatus.values, required=False, help_text="may be repeated: any of them"
    )
    kind = serializers.MultipleChoiceField(
        choices=AlbumKind.values, required=False, help_text="may be repeated: any of them"
    )
    cursor = serializers.CharField(
        required=False, max_length=300, help_text="`next` of the page before, with the same filters"
    )
    page_size = serializers.IntegerField(min_value=1, max_value=MOST, default=DEFAULT)


class AlbumSummarySerializer(serializers.Serializer[Any]):
    """`media_groups.meta -> enrichment`: what the items say together."""

    items_analyzed = serializers.IntegerField(help_text="at most `items_count`")
    description = serializers.CharField(source="vision_summary")
    labels = serializers.ListField(source="vision_labels", child=serializers.CharField())
    text = serializers.CharField(source="ocr_text", help_text="recognized in the pictures")
    has_meme = serializers.BooleanField()
    has_text = serializers.BooleanField()
    first_analyzed_at = serializers.CharField(allow_null=True)
    last_analyzed_at = serializers.CharField(allow_null=True)
    assembly_lag_seconds = serializers.FloatField()


class AlbumSerializer(serializers.Serializer[MediaGroup]):
    """An album as a list has it; the context has `captions` by channel and group."""

    id = serializers.IntegerField(source="pk")
    tenant_id = serializers.UUIDField()
    channel_id = serializers.UUIDField()
    channel = serializers.CharField(help_text="title")
    grouped_id = serializers.IntegerField(help_text="negative: found by a rule in an export")
    kind = serializers.CharField(source="album_kind", help_text="photo, video, mixed")
    posted_at = serializers.DateTimeField(help_text="of its first post")
    caption = serializers.CharField(source="caption_text")
    hashtags = serializers.SerializerMethodField(help_text="of the caption; every item has them")
    items_count = serializers.IntegerField()
    cover_media_id = serializers.UUIDField(allow_null=True)
    status = serializers.CharField(help_text="waiting, complete, partial")
    version = serializers.IntegerField(help_text="how often it was assembled")
    assembled_at = serializers.DateTimeField(allow_null=True)
    summary = serializers.SerializerMethodField(help_text="null: never assembled")

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_hashtags(self, group: MediaGroup) -> list[str]:
        caption = self.context["captions"].get((group.channel_id, group.grouped_id), NO_CAPTION)
        return list(caption.hashtags)

    @extend_schema_field(AlbumSummarySerializer(allow_null=True))
    def get_summary(self, group: MediaGroup) -> Any:
        stored = group.meta.get("enrichment")
        return AlbumSummarySerializer(stored).data if stored else None


class AlbumItemSerializer(serializers.Serializer[ShownItem]):
    """An item with its outcome; `awaited`: its picture is still to be analyzed."""

    position = serializers.IntegerField(help_text="from 0")
    post_id = serializers.UUIDField(source="row.post_id")
    telegram_message_id = serializers.IntegerField(source="row.post.telegram_message_id")
    url = serializers.CharField(source="row.post.telegram_post_url", help_text="in Telegram")
    kind = serializers.CharField(source="row.media_kind", help_text="photo, video, document")
    media_id = serializers.UUIDField(
        source="row.media_object_id", allow_null=True, help_text="null: the file is not stored"
    )
    media_state = serializers.CharField(source="row.post.media_state")
    awaited = serializers.BooleanField(source="is_awaited")
    analyzed_at = serializers.DateTimeField(source="outcome.analyzed_at", allow_null=True)
    description = serializers.CharField(source="outcome.description")
    labels = serializers.ListField(source="outcome.labels", child=serializers.CharField())
    text = serializers.CharField(source="outcome.ocr_text")
    is_meme = serializers.BooleanField(source="outcome.is_meme")


class WaitSerializer(serializers.Serializer[Progress]):
    """For what an album waits, and how long it will at most."""

    since = serializers.DateTimeField(source="waits_since")
    last_progress_at = serializers.DateTimeField()
    until = serializers.DateTimeField(
        source="due_at", help_text="then it is assembled as partial, unless something comes"
    )
    positions = serializers.ListField(source="awaited_positions", child=serializers.IntegerField())


class AlbumDetailSerializer(AlbumSerializer):
    """Everything that is known of an album; the context also has its `progress`."""

    waits_for = serializers.SerializerMethodField(help_text="null: for nothing")
    items = serializers.SerializerMethodField(help_text="in their order")
    trace_id = serializers.SerializerMethodField(help_text="of this request, as in `X-Trace-ID`")

    @extend_schema_field(WaitSerializer(allow_null=True))
    def get_waits_for(self, _: MediaGroup) -> Any:
        progress = self.context["progress"]
        return WaitSerializer(progress).data if progress.is_waiting else None

    @extend_schema_field(AlbumItemSerializer(many=True))
    def get_items(self, _: MediaGroup) -> Any:
        return AlbumItemSerializer(self.context["progress"].items, many=True).data

    def get_trace_id(self, _: MediaGroup) -> str:
        return trace.current()


class AlbumsSerializer(serializers.Serializer[Page[MediaGroup]]):
    """A page of albums, newest first."""

    results = AlbumSerializer(source="rows", many=True)
    next = serializers.CharField(
        allow_null=True, help_text="cursor of the next page; null: there is none"
    )
