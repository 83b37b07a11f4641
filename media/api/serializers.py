"""Serializers of posts and channels."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.logs import trace
from media.api.cursor import Page
from media.api.fields import MomentField
from media.api.links import FileLink
from media.api.parts import Part, parts
from media.api.queries import HAS, KINDS, ChannelFigures
from media.models import Channel, MediaState, Post, PostMedia

MOST = 100
DEFAULT = 50


class PostFilterSerializer(serializers.Serializer[Any]):
    channel_id = serializers.UUIDField(required=False)
    tenant_id = serializers.UUIDField(required=False)
    since = MomentField(required=False, help_text="posted at this time or later; ISO 8601")
    until = MomentField(required=False, help_text="posted before this time")
    has = serializers.MultipleChoiceField(
        choices=[*HAS, *KINDS],
        required=False,
        help_text="may be repeated: kinds of files fit if any does, everything else has to fit",
    )


class PostPageSerializer(PostFilterSerializer):
    cursor = serializers.CharField(
        required=False, max_length=300, help_text="`next` of the page before, with the same filters"
    )
    page_size = serializers.IntegerField(min_value=1, max_value=MOST, default=DEFAULT)


class ChannelFilterSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField(required=False)


class FileSerializer(serializers.Serializer[PostMedia]):
    id = serializers.UUIDField(source="media_object.pk")
    sha256 = serializers.CharField(source="media_object.file_sha256")
    mime = serializers.CharField(source="media_object.mime")
    size_bytes = serializers.IntegerField(source="media_object.size_bytes")
    width = serializers.IntegerField(source="media_object.width", allow_null=True)
    height = serializers.IntegerField(source="media_object.height", allow_null=True)
    duration_seconds = serializers.FloatField(
        source="media_object.duration_seconds", allow_null=True
    )
    role = serializers.CharField(help_text="primary, attachment")


class LinkedFileSerializer(FileSerializer):
    """A file with a link; the context has the links by id of the media object."""

    url = serializers.SerializerMethodField(help_text="to the bytes, see `url_expires_at`")
    url_expires_at = serializers.SerializerMethodField(
        help_text="until then `url` opens without a token: it is a secret. null: it takes yours"
    )

    @extend_schema_field(serializers.CharField())
    def get_url(self, row: PostMedia) -> str:
        return self._link(row).url

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_url_expires_at(self, row: PostMedia) -> Any:
        at = self._link(row).expires_at
        return at.isoformat() if at else None

    def _link(self, row: PostMedia) -> FileLink:
        link: FileLink = self.context["links"][row.media_object_id]
        return link


class PostSerializer(serializers.Serializer[Post]):
    """A post of `queries.with_media`, as a list has it."""

    id = serializers.UUIDField(source="pk")
    tenant_id = serializers.UUIDField()
    channel_id = serializers.UUIDField()
    channel = serializers.CharField(help_text="title")
    telegram_message_id = serializers.IntegerField()
    url = serializers.CharField(source="telegram_post_url", help_text="in Telegram, or empty")
    posted_at = serializers.DateTimeField()
    edited_at = serializers.DateTimeField(allow_null=True)
    text = serializers.CharField(source="content")
    author = serializers.CharField(source="post_author")
    grouped_id = serializers.IntegerField(allow_null=True, help_text="of the album, or null")
    reply_to_message_id = serializers.IntegerField(allow_null=True)
    is_forward = serializers.BooleanField()
    views = serializers.IntegerField(source="views_count", allow_null=True)
    forwards = serializers.IntegerField(source="forwards_count", allow_null=True)
    replies = serializers.IntegerField(source="replies_count", allow_null=True)
    reactions = serializers.IntegerField(source="reactions_count")
    media_kind = serializers.CharField(help_text="photo, video, document, …; empty: none")
    media_state = serializers.CharField(help_text="stored, or why the file is not; empty: none")
    media_name = serializers.CharField(help_text="name of the file, or empty")
    media = FileSerializer(source="post_media", many=True)


class EntitiesSerializer(serializers.Serializer[Post]):
    links = serializers.ListField(source="urls", child=serializers.CharField())
    mentions = serializers.ListField(child=serializers.CharField())
    hashtags = serializers.ListField(child=serializers.CharField())


class ForwardSerializer(serializers.Serializer[Post]):
    name = serializers.CharField(source="forward_from_name")
    chat_id = serializers.IntegerField(source="forward_from_chat_id", allow_null=True)
    message_id = serializers.IntegerField(source="forward_from_message_id", allow_null=True)
    date = serializers.DateTimeField(source="forward_date", allow_null=True)


class PostProblemSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="a media state, or a defect of a picture")
    media_id = serializers.UUIDField(allow_null=True, help_text="of the file, if it is stored")


class PostDetailSerializer(PostSerializer):
    """
    Everything that is known of a post. The context has `links`, and `parts` by their names.

    Rooms above add members, see `media.api.parts`.
    """

    entities = EntitiesSerializer(source="*")
    forward = serializers.SerializerMethodField(help_text="where it came from; null: it is none")
    other_content = serializers.SerializerMethodField(
        help_text="polls, places, buttons and the like, as the source has them"
    )
    problems = serializers.SerializerMethodField(help_text="what is wrong with its files")
    trace_id = serializers.SerializerMethodField(help_text="of this request, as in `X-Trace-ID`")

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        fields["media"] = LinkedFileSerializer(source="post_media", many=True)
        return fields | {part.name: _part_field(part) for part in parts()}

    @extend_schema_field(ForwardSerializer(allow_null=True))
    def get_forward(self, post: Post) -> Any:
        return ForwardSerializer(post).data if post.is_forward else None

    def get_other_content(self, post: Post) -> dict[str, Any]:
        return {name: value for name, value in post.extra.items() if name != "unknown"}

    @extend_schema_field(PostProblemSerializer(many=True))
    def get_problems(self, post: Post) -> list[dict[str, Any]]:
        missing = post.media_state not in {"", MediaState.STORED}
        found = [{"code": post.media_state, "media_id": None}] if missing else []
        return found + [
            {"code": row.media_object.defect, "media_id": str(row.media_object_id)}
            for row in post.post_media.all()
            if row.media_object.defect
        ]

    def get_trace_id(self, _: Post) -> str:
        return trace.current()


def _part_field(part: Part) -> "_PartField":
    field = _PartField(part.field())
    describe: Any = extend_schema_field(
        part.field()
    )  # works on fields, too; its types do not say so
    describe(field)
    return field


class _PartField(serializers.Field[Any, Any, Any, Any]):
    """Shows what a room above knows: the context has it, by name of the part."""

    def __init__(self, shown: Any) -> None:
        super().__init__(source="*", read_only=True)
        self.shown = shown

    def to_representation(self, _: Any) -> Any:
        value = self.context["parts"][self.field_name]
        return None if value is None else self.shown.to_representation(value)


class PostsSerializer(serializers.Serializer[Page[Post]]):
    """A page of posts, newest first."""

    results = PostSerializer(source="rows", many=True)
    next = serializers.CharField(
        allow_null=True, help_text="cursor of the next page; null: there is none"
    )


class ChannelSerializer(serializers.Serializer[Channel]):
    """A channel of `queries.with_last_post`; the context has its figures."""

    id = serializers.UUIDField(source="pk")
    tenant_id = serializers.UUIDField()
    telegram_id = serializers.IntegerField(source="tg_channel_id")
    username = serializers.CharField(help_text="without @, or empty")
    title = serializers.CharField()
    kind = serializers.CharField()
    is_active = serializers.BooleanField()
    posts = serializers.SerializerMethodField()
    posts_with_media = serializers.SerializerMethodField()
    last_post_id = serializers.UUIDField(allow_null=True)
    last_posted_at = serializers.SerializerMethodField()
    last_parsed_at = serializers.DateTimeField(allow_null=True)

    def get_posts(self, channel: Channel) -> int:
        return self._figures(channel).posts

    def get_posts_with_media(self, channel: Channel) -> int:
        return self._figures(channel).posts_with_media

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_last_posted_at(self, channel: Channel) -> Any:
        at = self._figures(channel).last_posted_at
        return serializers.DateTimeField().to_representation(at) if at else None

    def _figures(self, channel: Channel) -> ChannelFigures:
        figures: Mapping[Any, ChannelFigures] = self.context["figures"]
        return figures.get(channel.pk, ChannelFigures())
