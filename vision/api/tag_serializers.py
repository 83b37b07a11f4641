"""Serializers of tags, proposals and rules."""

from typing import Any

from rest_framework import serializers

from vision.models import PostTag, Tag, TagCategory, TagRule
from vision.models.tag import NAME_MAX_LENGTH

MOST_DECIDED = 1000


class TagFilterSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField(required=False)
    q = serializers.CharField(required=False, max_length=100, help_text="a part of the name")
    category = serializers.ChoiceField(
        required=False, choices=TagCategory.values, help_text="what it names in a post that has it"
    )


class TagSerializer(serializers.Serializer[Tag]):
    """A tag with the number of posts that have it."""

    id = serializers.UUIDField()
    tenant_id = serializers.UUIDField()
    name = serializers.CharField()
    synonym_of = serializers.CharField(source="merged_into.name", default=None)
    posts = serializers.IntegerField()


class PostTagSerializer(serializers.Serializer[PostTag]):
    """A tag of a post, and where it came from."""

    id = serializers.UUIDField()
    post_id = serializers.UUIDField()
    tenant_id = serializers.UUIDField()
    tag_id = serializers.UUIDField()
    name = serializers.CharField(source="tag.name")
    origin = serializers.CharField(help_text="person, hashtag, rule, model")
    category = serializers.CharField(
        help_text="topic, person, organization, place, event, product, other, or empty"
    )
    confidence = serializers.FloatField(help_text="0 to 1")
    version = serializers.CharField(help_text="the vision version a tagger had, or empty")
    tagger = serializers.CharField(help_text="local, gigachat, or empty")
    state = serializers.CharField(help_text="accepted, proposed, dropped")
    decided_at = serializers.DateTimeField(allow_null=True, help_text="when a person decided")


class AddTagSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=NAME_MAX_LENGTH, help_text="with or without #")


class MergeSerializer(serializers.Serializer[Any]):
    tag_id = serializers.UUIDField(help_text="becomes a synonym")
    into_id = serializers.UUIDField(help_text="what it means from now on")


class MergedSerializer(serializers.Serializer[Any]):
    posts = serializers.IntegerField(help_text="that had the tag")


class DecisionsSerializer(serializers.Serializer[Any]):
    accept = serializers.BooleanField(help_text="true takes them, false drops them")
    proposals = serializers.ListField(
        child=serializers.UUIDField(), max_length=MOST_DECIDED, allow_empty=False
    )


class DecidedSerializer(serializers.Serializer[Any]):
    decided = serializers.IntegerField(help_text="that had still waited")


class RuleSerializer(serializers.Serializer[TagRule]):
    """A rule in an answer."""

    id = serializers.UUIDField()
    tenant_id = serializers.UUIDField()
    tag = serializers.CharField(source="tag.name")
    channel_id = serializers.UUIDField(allow_null=True)
    word = serializers.CharField()
    picture_label = serializers.CharField(source="label")
    applying_since = serializers.DateTimeField(
        source="apply_wanted_at",
        allow_null=True,
        help_text="while it is applied in the background, else null",
    )
    applied_posts = serializers.IntegerField(help_text="that got the tag in the background")
    applied_at = serializers.DateTimeField(
        allow_null=True, help_text="when that ended the last time, or null"
    )


class PreviewSerializer(serializers.Serializer[Any]):
    """A rule, and what it would do to posts that are there already."""

    rule = RuleSerializer()
    posts = serializers.IntegerField(help_text="that match; at most 10 000 are counted")
    lacking = serializers.IntegerField(help_text="of these, that do not have the tag")
    newest = serializers.ListField(child=serializers.UUIDField(), help_text="ids of posts")


class MakeRuleSerializer(serializers.Serializer[Any]):
    """At least one of the three conditions."""

    tag = serializers.CharField(max_length=NAME_MAX_LENGTH)
    tenant_id = serializers.UUIDField()
    channel_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    word = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)
    picture_label = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=100
    )


class AppliedSerializer(serializers.Serializer[Any]):
    posts = serializers.IntegerField(help_text="that got the tag at once")
    in_background = serializers.BooleanField(help_text="more than 1 000: it is being applied")
