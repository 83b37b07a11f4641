"""Serializers of articles."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crawl import selectors
from crawl.models import CrawledPage, PageState, PageVersion
from crawl.reasons import in_words


class ArticleFilterSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField(required=False)
    post_id = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(choices=PageState.choices, required=False)
    host = serializers.CharField(required=False, max_length=253)


class ArticleSerializer(serializers.Serializer[CrawledPage]):
    """An article in a list: a page that posts point to, and what came of it."""

    id = serializers.UUIDField(source="pk")
    url = serializers.CharField(help_text="canonical")
    final_url = serializers.CharField(help_text="where its redirects lead to; empty: nowhere else")
    host = serializers.CharField()
    title = serializers.CharField()
    state = serializers.CharField(
        help_text="requested, claimed, waiting, read, gone, refused, failed"
    )
    reason = serializers.CharField(help_text="a code")
    explanation = serializers.SerializerMethodField(help_text="the reason in words")
    http_status = serializers.IntegerField(allow_null=True)
    version = serializers.IntegerField(help_text="0: nothing was read yet")
    requested_at = serializers.DateTimeField()
    checked_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True, help_text="the next visit, if it waits")
    gone_since = serializers.DateTimeField(allow_null=True)

    def get_explanation(self, page: CrawledPage) -> str:
        return in_words(page.reason)


class VersionSerializer(serializers.Serializer[PageVersion]):
    """What a page said from a day on."""

    number = serializers.IntegerField()
    seen_at = serializers.DateTimeField()
    title = serializers.CharField()
    author = serializers.CharField()
    published_on = serializers.DateField(allow_null=True)
    language = serializers.CharField(help_text="ISO 639-1; empty: not told")
    top_image = serializers.CharField(help_text="an address on the web; nothing of it is stored")
    word_count = serializers.IntegerField()


class ArticleDetailSerializer(ArticleSerializer):
    """An article with its text, its versions and the posts that point to it."""

    current = serializers.SerializerMethodField(help_text="the last good version")
    text = serializers.SerializerMethodField(help_text="of the last good version")
    versions = serializers.SerializerMethodField(help_text="newest first")
    changes = serializers.SerializerMethodField(
        help_text="lines of the last version that came (+) and went (-)"
    )
    post_ids = serializers.SerializerMethodField(help_text="posts that point to it, newest first")

    @extend_schema_field(VersionSerializer(allow_null=True))
    def get_current(self, page: CrawledPage) -> Any:
        found = selectors.current(page)
        return VersionSerializer(found).data if found else None

    def get_text(self, page: CrawledPage) -> str:
        found = selectors.current(page)
        return found.text if found else ""

    @extend_schema_field(VersionSerializer(many=True))
    def get_versions(self, page: CrawledPage) -> Any:
        versions: Any = selectors.versions_of(page)
        return VersionSerializer(versions, many=True).data

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_changes(self, page: CrawledPage) -> Any:
        return selectors.changes_of(page)

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_post_ids(self, page: CrawledPage) -> Any:
        newest = page.mentions.order_by("-post__posted_at", "post")
        return [str(pk) for pk in newest.values_list("post", flat=True)[: selectors.MOST_POSTS]]
