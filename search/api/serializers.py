"""Serializers of the request and the response of the search."""

from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events import trace
from search.api.facets import NAMES, FacetNames, FacetsSerializer
from search.fusion import WINDOW
from search.query.problems import Problem, explain
from search.services.find import Hits
from search.services.found_in_files import FileHit
from search.services.shown import Shown


class SearchQuerySerializer(serializers.Serializer[Any]):
    q = serializers.CharField(
        trim_whitespace=False,  # places of problems are those of the text as given
        allow_blank=True,
        help_text='in the query language: words, "phrases", #tags, -excluded, channel:@durov, …',
    )
    limit = serializers.IntegerField(min_value=1, max_value=WINDOW, default=10)
    offset = serializers.IntegerField(
        min_value=0,
        max_value=2 * WINDOW,
        default=0,
        help_text=f"hits that are skipped; there are at most {2 * WINDOW}",
    )
    facets = FacetNames(
        required=False, default="", allow_blank=True, help_text=f"what to count, of {NAMES}"
    )


class ReasonsSerializer(serializers.Serializer[Any]):
    """Why a post was found; all empty where the query has nothing but conditions."""

    words = serializers.ListField(
        child=serializers.CharField(), help_text="words of the query that the post has"
    )
    tags = serializers.ListField(
        child=serializers.CharField(), help_text="#tags of the query that it carries"
    )
    distance = serializers.FloatField(
        allow_null=True, help_text="cosine distance of the meaning; null: not found by meaning"
    )


class FileHitSerializer(serializers.Serializer[FileHit]):
    """The document in which the words of a query stand."""

    media_id = serializers.UUIDField()
    name = serializers.CharField(help_text="as the post names the file, or empty")
    page = serializers.IntegerField(allow_null=True, help_text="null: the format has no pages")
    sheet = serializers.CharField(source="label", help_text="name of the sheet, or empty")


class HitSerializer(serializers.Serializer[Shown]):
    post_id = serializers.UUIDField(source="post.pk")
    tenant_id = serializers.UUIDField(source="post.tenant_id")
    channel_id = serializers.UUIDField(source="post.channel_id")
    channel = serializers.CharField(source="post.channel", help_text="title")
    url = serializers.CharField(source="post.telegram_post_url", help_text="in Telegram, or empty")
    posted_at = serializers.DateTimeField(source="post.posted_at")
    snippet = serializers.CharField(
        source="fragment.text",
        help_text="of the text, else of the words in pictures or files, or of a document, see `file`",
    )
    highlights = serializers.ListField(
        source="fragment.spans",
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text="[start, end] of each matching word in the snippet, in characters (code points)",
    )
    file = FileHitSerializer(
        allow_null=True, help_text="the document that the snippet is of; null: of the post"
    )
    media_count = serializers.IntegerField()
    score = serializers.FloatField(source="hit.score")
    reasons = ReasonsSerializer(source="hit")


class ProblemSerializer(serializers.Serializer[Problem]):
    code = serializers.CharField()
    start = serializers.IntegerField(help_text="place in `q`, in characters (code points)")
    end = serializers.IntegerField()
    text = serializers.CharField(help_text="what stands there")
    message = serializers.SerializerMethodField(help_text="what happened")
    remedy = serializers.SerializerMethodField(help_text="what to write instead")

    def get_message(self, problem: Problem) -> str:
        return explain(problem, translate=gettext).message

    def get_remedy(self, problem: Problem) -> str:
        return explain(problem, translate=gettext).remedy


class FoundSerializer(serializers.Serializer[Hits]):
    """The hits of a page; the context has them as `shown` reads them."""

    found = serializers.IntegerField(help_text=f"hits on all pages, at most {2 * WINDOW}")
    hits = serializers.SerializerMethodField()
    replaced = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="words for which others were looked for, too",
    )
    degraded = serializers.ListField(
        child=serializers.CharField(), help_text="what did not work; empty where everything did"
    )
    problems = ProblemSerializer(many=True)
    facets = serializers.SerializerMethodField(help_text="null where `facets` asks for none")
    trace_id = serializers.SerializerMethodField(help_text="of this request, as in `X-Trace-ID`")

    @extend_schema_field(HitSerializer(many=True))
    def get_hits(self, _: Hits) -> Any:
        return HitSerializer(self.context["shown"], many=True).data

    @extend_schema_field(FacetsSerializer(allow_null=True))
    def get_facets(self, _: Hits) -> Any:
        counted = self.context["facets"]
        return FacetsSerializer(counted).data if counted else None

    def get_trace_id(self, _: Hits) -> str:
        return trace.current()
