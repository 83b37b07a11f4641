"""Serializers of the graph's requests and answers."""

from typing import Any, Final

from rest_framework import serializers

from events.logs import trace
from graph.queries.channels import Pair
from graph.queries.spread import WAYS, Hop, Seen

MOST: Final = 100


class GraphAnswerSerializer(serializers.Serializer[Any]):
    trace_id = serializers.SerializerMethodField(help_text="of this request, as in `X-Trace-ID`")

    def get_trace_id(self, _: Any) -> str:
        return trace.current()


class LimitSerializer(serializers.Serializer[Any]):
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=10)


class TagsQuerySerializer(LimitSerializer):
    tags = serializers.ListField(
        child=serializers.CharField(max_length=200),
        min_length=1,
        max_length=20,
        help_text="all of them; repeated, or separated by commas",
    )


class AlbumPostsQuerySerializer(serializers.Serializer[Any]):
    ordered = serializers.BooleanField(default=True, help_text="by position")


class SharedQuerySerializer(serializers.Serializer[Any]):
    channel_id = serializers.UUIDField(required=False, help_text="only pairs with this channel")
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=MOST)


class PathQuerySerializer(serializers.Serializer[Any]):
    first = serializers.UUIDField(help_text="id of a post")
    second = serializers.UUIDField(help_text="id of a post")


class GraphAlbumSerializer(serializers.Serializer[Any]):
    album_id = serializers.IntegerField()
    channel_id = serializers.UUIDField()
    grouped_id = serializers.IntegerField()
    album_kind = serializers.CharField()
    expected_items = serializers.IntegerField()
    actual_items = serializers.IntegerField(help_text="posts that the graph has")
    caption_text = serializers.CharField(allow_null=True)
    posted_at = serializers.DateTimeField()
    matching_tags = serializers.ListField(child=serializers.CharField(), required=False)


class GraphAlbumsSerializer(GraphAnswerSerializer):
    albums = GraphAlbumSerializer(many=True)


class AlbumMemberSerializer(serializers.Serializer[Any]):
    post_id = serializers.UUIDField()
    channel_id = serializers.UUIDField(allow_null=True)
    position = serializers.IntegerField()


class AlbumMembersSerializer(GraphAnswerSerializer):
    posts = AlbumMemberSerializer(many=True)


class SeenSerializer(serializers.Serializer[Seen]):
    post_id = serializers.CharField(
        source="key", help_text="of a channel, where only that is known"
    )
    channel_id = serializers.CharField(help_text="or empty")
    channel = serializers.CharField(help_text="title, or what a forward calls it")
    posted_at = serializers.CharField(help_text="UTC, or empty where it is not known")
    url = serializers.CharField(help_text="in Telegram, or empty")
    archived = serializers.BooleanField(help_text="false: only forwards know of it")
    deleted_at = serializers.CharField(help_text="in Telegram; or empty")
    ways = serializers.ListField(
        child=serializers.ChoiceField(WAYS), help_text="what it shares with the post asked about"
    )
    after_seconds = serializers.FloatField(allow_null=True, help_text="since the first")


class HopSerializer(serializers.Serializer[Hop]):
    source = serializers.CharField()  # type: ignore[assignment] # a field of the answer
    target = serializers.CharField()
    ways = serializers.ListField(
        child=serializers.ChoiceField(WAYS),
        help_text="forward: from there; otherwise the source is the first that had it",
    )
    seconds = serializers.FloatField(allow_null=True)


class SpreadSerializer(GraphAnswerSerializer):
    post_id = serializers.CharField()
    first = SeenSerializer(allow_null=True)
    seconds = serializers.FloatField(help_text="from the first to the last")
    truncated = serializers.BooleanField(help_text="there are more posts")
    posts = SeenSerializer(many=True, help_text="in order of time, those of unknown time last")
    hops = HopSerializer(many=True)


class PairSerializer(serializers.Serializer[Pair]):
    first = serializers.CharField(help_text="id of a channel")
    second = serializers.CharField()
    first_name = serializers.SerializerMethodField()
    second_name = serializers.SerializerMethodField()
    shared = serializers.IntegerField(help_text="the sum of the next three, and of the forwards")
    pictures = serializers.IntegerField()
    texts = serializers.IntegerField()
    links = serializers.IntegerField()
    first_earlier = serializers.IntegerField(
        help_text="things that the first had before the second"
    )
    second_earlier = serializers.IntegerField()
    forwards_to_second = serializers.IntegerField()
    forwards_to_first = serializers.IntegerField()

    def get_first_name(self, pair: Pair) -> str:
        return pair.names.get(pair.first, "")

    def get_second_name(self, pair: Pair) -> str:
        return pair.names.get(pair.second, "")


class SharedSerializer(GraphAnswerSerializer):
    pairs = PairSerializer(many=True)


class StepSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="of the relation, such as HAS_IMAGE")
    forward = serializers.BooleanField(help_text="false: the relation leads the other way")
    label = serializers.CharField(  # type: ignore[assignment] # a field of the answer
        help_text="of the node that is reached, such as Post"
    )
    key = serializers.CharField()
    name = serializers.CharField(help_text="a title, an address, a hash or a text")


class PathSerializer(GraphAnswerSerializer):
    found = serializers.BooleanField()
    steps = StepSerializer(many=True)
