"""Serializers of the request and the response of the search."""

from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.logs import trace
from media.models import Deletion
from search.api.facets import NAMES, FacetNames, FacetsSerializer
from search.fusion import WINDOW
from search.query.problems import Problem, explain
from search.services.find import MOST_NAMED
from search.services.results.found_in_files import FileHit
from search.services.results.hit_texts import Field, Picture
from search.services.results.hits import SamePicture
from search.services.results.shown import Match, Shown
from search.services.similar.posts import By


class PageSerializer(serializers.Serializer[Any]):
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


class AnyTextField(serializers.CharField):
    """A text in which everything is allowed, NUL included: the query language has it for a space."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators = []


class SearchQuerySerializer(PageSerializer):
    q = AnyTextField(
        trim_whitespace=False,  # places of problems are those of the text as given
        allow_blank=True,
        help_text='in the query language: words, "phrases", #tags, -excluded, channel:@durov, …',
    )


class SimilarQuerySerializer(PageSerializer):
    post = serializers.CharField(
        max_length=300, help_text="id of a post, its link in Telegram, or its number"
    )
    by = serializers.ChoiceField(
        choices=[(one.value, one.value) for one in By],
        default=By.ANY,
        help_text="meaning, picture, or any: those with nearly the same picture come first",
    )


class PictureSerializer(serializers.Serializer[Picture]):
    """A file of the hit's post."""

    media_id = serializers.UUIDField()
    sha256 = serializers.CharField()
    number = serializers.IntegerField(help_text="its place among the files of the post, from 1")


class SamePictureSerializer(serializers.Serializer[SamePicture]):
    """A picture of the hit that is nearly one of the post that was asked about."""

    sha256 = serializers.CharField()
    of = serializers.CharField(help_text="SHA-256 of the picture of the post asked about")
    distance = serializers.IntegerField(help_text="bits that differ; 0: the same file or no bit")


class ReasonsSerializer(serializers.Serializer[Shown]):
    """Why a post was found; all empty where the query has nothing but conditions."""

    named = serializers.BooleanField(
        source="hit.named", help_text="the query has the number or the link of the message"
    )
    words = serializers.ListField(
        source="hit.words",
        child=serializers.CharField(),
        help_text="words of the query that the post has",
    )
    tags = serializers.ListField(
        source="hit.tags",
        child=serializers.CharField(),
        help_text="#tags of the query that it carries",
    )
    distance = serializers.FloatField(
        source="hit.distance",
        allow_null=True,
        help_text="cosine distance of the meaning; null: not found by meaning",
    )
    same_picture = SamePictureSerializer(source="hit.picture", allow_null=True)
    pictures = PictureSerializer(
        source="matching_pictures",
        many=True,
        help_text="in which words of the query were read or seen, or that is nearly the same",
    )


HIGHLIGHTS = serializers.ListField(
    source="fragment.spans",
    child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
    help_text="[start, end] of each matching word in the text, in characters (code points)",
)


class MatchSerializer(serializers.Serializer[Match]):
    """A part of one text of the post that has words of the query."""

    field = serializers.ChoiceField(
        choices=[(one.value, one.value) for one in Field],
        help_text="text of the post, caption of its album, text read in a picture, description of a"
        " picture, or other words: of files, buttons, places",
    )
    text = serializers.CharField(source="fragment.text")
    highlights = HIGHLIGHTS
    picture = PictureSerializer(allow_null=True, help_text="null where it is of no single picture")


class HitAlbumSerializer(serializers.Serializer[Shown]):
    """The album of which the hit is the item that matches best."""

    album_id = serializers.IntegerField(source="hit.album.album_id", help_text="for `album:`")
    items = serializers.IntegerField(source="album.items_count")
    matching_items = serializers.IntegerField(
        source="hit.album.matching", help_text="how many of its items match, this one included"
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
    message_id = serializers.IntegerField(source="post.telegram_message_id")
    posted_at = serializers.DateTimeField(source="post.posted_at")
    deleted_at = serializers.DateTimeField(
        source="post.deleted_at",
        allow_null=True,
        help_text="when its deletion was noticed, or the date of the export that lacks it; null: it was not",
    )
    deletion = serializers.ChoiceField(
        source="post.deletion",
        choices=[("", ""), *((one, one) for one in Deletion.values)],
        help_text="live: Telegram told it; absent: a later export does not have it",
    )
    snippet = serializers.CharField(
        source="fragment.text",
        help_text="of the text, else of the album's caption, of what is in pictures, or of files;"
        " or of a document, see `file`",
    )
    highlights = HIGHLIGHTS
    matches = MatchSerializer(many=True, help_text="each text that has words of the query")
    file = FileHitSerializer(
        allow_null=True, help_text="the document that the snippet is of; null: of the post"
    )
    media_count = serializers.IntegerField()
    media_state = serializers.CharField(
        source="post.media_state", help_text="stored, or why the file is not; empty: none"
    )
    album = serializers.SerializerMethodField(
        help_text="null for a post of no album, and where the query names albums"
    )
    score = serializers.FloatField(source="hit.score")
    reasons = ReasonsSerializer(source="*")

    @extend_schema_field(HitAlbumSerializer(allow_null=True))
    def get_album(self, shown: Shown) -> Any:
        return HitAlbumSerializer(shown).data if shown.album and shown.hit.album else None


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


class HitsSerializer(serializers.Serializer[Any]):
    """The hits of a page; the context has them as `shown` reads them."""

    hits = serializers.SerializerMethodField()
    trace_id = serializers.SerializerMethodField(help_text="of this request, as in `X-Trace-ID`")

    @extend_schema_field(HitSerializer(many=True))
    def get_hits(self, _: Any) -> Any:
        return HitSerializer(self.context["shown"], many=True).data

    def get_trace_id(self, _: Any) -> str:
        return trace.current()


class FoundSerializer(HitsSerializer):
    """The answer to a query."""

    found = serializers.IntegerField(
        help_text=f"hits on all pages, at most {2 * WINDOW}, and up to {MOST_NAMED} that are named"
    )
    found_near = serializers.IntegerField(
        source="near",
        help_text="of these, hits that have no word, tag or link of the query and are near in meaning",
    )
    is_nothing_near = serializers.BooleanField(
        help_text="meaning was compared, and no post is nearer to the query than any others are"
    )
    replaced = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="words for which others were looked for, too",
    )
    degraded = serializers.ListField(
        child=serializers.CharField(), help_text="what did not work; empty where everything did"
    )
    problems = ProblemSerializer(many=True)
    understood = serializers.CharField(
        help_text="the query as it was understood, in English names; it finds the same"
    )
    facets = serializers.SerializerMethodField(help_text="null where `facets` asks for none")

    @extend_schema_field(FacetsSerializer(allow_null=True))
    def get_facets(self, _: Any) -> Any:
        counted = self.context["facets"]
        return FacetsSerializer(counted).data if counted else None


class SimilarSerializer(HitsSerializer):
    """The posts like another one."""

    post_id = serializers.UUIDField(source="post.pk", help_text="the post that was asked about")
    found = serializers.IntegerField(source="hits.found", help_text="hits on all pages")
    is_nothing_near = serializers.BooleanField(
        source="hits.is_nothing_near",
        help_text="meaning was compared, and no post is near enough to be like this one",
    )
    degraded = serializers.ListField(
        source="hits.degraded", child=serializers.CharField(), help_text="what did not work"
    )
