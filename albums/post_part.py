"""What albums add to the description of a post: the album that it belongs to."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from albums.models import MediaGroupItem
from media.api.parts import Part


class PostAlbumSerializer(serializers.Serializer[MediaGroupItem]):
    """The album of a post, and its place in it."""

    id = serializers.IntegerField(source="group_id")
    position = serializers.IntegerField(help_text="of this post, from 0")
    items_count = serializers.IntegerField(source="group.items_count")
    caption = serializers.CharField(source="group.caption_text")
    status = serializers.CharField(source="group.status", help_text="waiting, complete, partial")
    post_ids = serializers.SerializerMethodField(help_text="of all its items, in their order")

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_post_ids(self, item: MediaGroupItem) -> Any:
        return [str(one.post_id) for one in item.group.items.all()]


def album() -> Part:
    return Part("album", lambda: PostAlbumSerializer(allow_null=True), _albums)


def _albums(post_ids: Sequence[UUID]) -> Mapping[UUID, MediaGroupItem]:
    items = MediaGroupItem.objects.filter(post__in=post_ids).select_related("group")
    return {item.post_id: item for item in items.prefetch_related("group__items")}
