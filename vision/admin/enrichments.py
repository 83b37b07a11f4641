"""The console's pages about the results of posts, with the decision about each picture."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from events.console import (
    EMPTY,
    ReadOnlyAdmin,
    ReadOnlyStack,
    excerpt,
    internal_link,
    list_of,
    page_of,
    pretty_json,
    rendered,
    short_time,
    text_block,
)
from media.admin import PostAdmin
from media.admin.pictures import post_thumbnail, thumbnail_address, with_media
from media.models import MediaObject, MediaState, Post, media_object_id
from media.selectors import find_posts
from vision.admin.documents import documents_table
from vision.admin.reanalyze import PERMISSION, analyze_again
from vision.models import (
    EnrichmentKind,
    EnrichmentStatus,
    PictureHash,
    PostEnrichment,
    VisionProviderName,
)
from vision.reasons import CLASSES, OUTCOMES, explain


class OutcomeFilter(admin.SimpleListFilter):
    """Filters enrichments by the outcome of any of their pictures; uses idx_pe_metadata."""

    title = _("outcome of a picture")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return list(OUTCOMES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        outcome = self.value()
        return self.having(queryset, outcome) if outcome in OUTCOMES else queryset

    def having(self, queryset: QuerySet[Any], outcome: str) -> QuerySet[Any]:
        return queryset.filter(metadata__contains={"decisions": [{"outcome": outcome}]})


class PostOutcomeFilter(OutcomeFilter):
    """Filters posts by the outcome of any of their pictures."""

    title = _("vision outcome")

    def having(self, queryset: QuerySet[Any], outcome: str) -> QuerySet[Any]:
        matching = super().having(PostEnrichment.objects.filter(post=OuterRef("pk")), outcome)
        return queryset.filter(Exists(matching))


class PostProviderFilter(admin.SimpleListFilter):
    title = _("vision provider")
    parameter_name = "vision"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [*VisionProviderName.choices, ("waiting", _("not analyzed yet"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        results = PostEnrichment.objects.filter(post=OuterRef("pk"), kind=EnrichmentKind.VISION)
        if chosen == "waiting":
            # A file that never came is not waited for.
            return queryset.filter(~Exists(results), media_state=MediaState.STORED)
        if chosen in VisionProviderName.values:
            return queryset.filter(Exists(results.filter(vision_provider=chosen)))
        return queryset


class EnrichmentFields:
    """The displayed fields of an enrichment, for its page and for the inline in a post's page."""

    @admin.display(description=_("decisions"))
    def decisions(self, enrichment: PostEnrichment) -> SafeString | str:
        given = enrichment.metadata.get("decisions") or []
        tenant_id = enrichment.post.tenant_id
        if enrichment.kind == EnrichmentKind.DOCUMENT_TEXT:
            return documents_table(tenant_id, given)
        rows = [_row(tenant_id, one) for one in given if isinstance(one, dict)]
        return rendered("decisions.html", rows=rows) if rows else EMPTY

    @admin.display(description=_("status"), ordering="status")
    def outcome(self, enrichment: PostEnrichment) -> str:
        """The status; of a post without analysis, that it was not analyzed: `ok` only means no error."""
        was_skipped = enrichment.vision_provider == VisionProviderName.NONE
        if was_skipped and enrichment.status == EnrichmentStatus.OK:
            return str(_("not analyzed"))
        return enrichment.get_status_display()

    @admin.display(description=_("text in the picture"))
    def ocr(self, enrichment: PostEnrichment) -> SafeString | str:
        return text_block(enrichment.vision_ocr_text)

    @admin.display(description=_("description"))
    def description(self, enrichment: PostEnrichment) -> SafeString | str:
        return text_block(enrichment.vision_description)

    @admin.display(description=_("classification"))
    def classification(self, enrichment: PostEnrichment) -> str:
        seen = enrichment.vision_classification or {}
        kind = str(seen.get("type", ""))
        return (
            ", ".join(filter(None, [str(CLASSES.get(kind, kind)), *seen.get("tags", [])])) or EMPTY
        )


class PostEnrichmentInline(EnrichmentFields, ReadOnlyStack[PostEnrichment, Post]):
    model = PostEnrichment
    fields = readonly_fields = (
        "kind", "outcome", "error", "vision_provider", "vision_analysis_reason",
        "vision_analyzed_at", "decisions", "ocr", "description", "classification",
    )  # fmt: skip
    ordering = ("kind", "id")
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[PostEnrichment]:
        return super().get_queryset(request).select_related("post")


PostAdmin.extend(
    inlines=[PostEnrichmentInline],
    filters=[PostProviderFilter, PostOutcomeFilter],
    actions=[(analyze_again, PERMISSION)],
)


@admin.register(PostEnrichment)
class PostEnrichmentAdmin(EnrichmentFields, ReadOnlyAdmin[PostEnrichment]):
    list_display = (
        "thumbnail", "words", "outcome", "vision_analysis_reason", "analyzed", "post_link",
        "vision_provider", "kind",
    )  # fmt: skip
    list_display_links = ("words",)
    list_filter = (
        "kind", "status", "vision_provider", "vision_analysis_reason", OutcomeFilter,
        "ocr_present", "vision_is_meme",
    )  # fmt: skip
    search_fields = ("=post__telegram_message_id",)
    search_help_text = _("Words of the post, of its files and pictures; or its message id or link")
    ordering = ("-id",)
    actions = ("analyze_posts_again",)
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("post_link", "kind", "outcome", "error", "decisions")}),
        (
            _("Result"),
            {"fields": ("ocr", "description", "classification", "vision_is_meme", "album_size")},
        ),
        (
            _("Provider"),
            {
                "fields": (
                    "vision_provider", "vision_model", "vision_version", "vision_analysis_reason",
                    "vision_analyzed_at", "vision_tokens_used", "vision_cost_microunits",
                )
            },
        ),
        (
            _("Record"),
            {
                "classes": ("collapse",),
                "fields": ("keys", "data_json", "created_at", "updated_at"),
            },
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[PostEnrichment]:
        rows = super().get_queryset(request).select_related("post__channel")
        return rows.prefetch_related(with_media("post__post_media"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PostEnrichment], search_term: str
    ) -> tuple[QuerySet[PostEnrichment], bool]:
        term = search_term.replace("\0", "").strip()
        posts = find_posts(Post.objects.order_by(), term)
        return (queryset.filter(post__in=posts) if term else queryset), False

    def has_spend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @admin.action(description=_("Analyze again…"), permissions=["spend"])
    def analyze_posts_again(
        self, request: HttpRequest, queryset: QuerySet[PostEnrichment]
    ) -> HttpResponse | None:
        posts = Post.objects.filter(pk__in=queryset.order_by().values("post_id"))
        return analyze_again(self, request, posts)

    def heading(self, enrichment: PostEnrichment) -> str:
        return f"{enrichment.get_kind_display()}: {_of(enrichment.post)}"

    @admin.display(description=_("picture"))
    def thumbnail(self, enrichment: PostEnrichment) -> SafeString | str:
        return post_thumbnail(enrichment.post)

    @admin.display(description=_("text in the picture"))
    def words(self, enrichment: PostEnrichment) -> str:
        return excerpt(enrichment.vision_ocr_text or enrichment.vision_description)

    @admin.display(description=_("analyzed at"), ordering="vision_analyzed_at")
    def analyzed(self, enrichment: PostEnrichment) -> str:
        return short_time(enrichment.vision_analyzed_at)

    @admin.display(description=_("post"), ordering="post_id")
    def post_link(self, enrichment: PostEnrichment) -> SafeString:
        return internal_link(page_of(Post, enrichment.post_id), _of(enrichment.post))

    @admin.display(description=_("stored objects"))
    def keys(self, enrichment: PostEnrichment) -> SafeString | str:
        return text_block("\n".join([*enrichment.s3_media_keys, *enrichment.s3_vision_keys]))

    @admin.display(description=_("data"))
    def data_json(self, enrichment: PostEnrichment) -> SafeString | str:
        return pretty_json(enrichment.data)


def _of(post: Post) -> str:
    return f"{post.channel} #{post.telegram_message_id}"


def _row(tenant_id: Any, decision: dict[str, Any]) -> dict[str, Any]:
    sha256, reason = str(decision.get("sha256", "")), str(decision.get("reason", ""))
    media = media_object_id(tenant_id, sha256)
    outcome = str(decision.get("outcome", ""))
    return decision | {
        "page": page_of(MediaObject, media),
        "thumbnail": thumbnail_address(media),
        "sha256": sha256[:12],
        "same_as": _source(tenant_id, decision),
        "outcome_code": outcome,
        "outcome": OUTCOMES.get(outcome, outcome),
        "explanation": explain(reason),
    }


def _source(tenant_id: Any, decision: dict[str, Any]) -> dict[str, Any] | None:
    """Describe the picture whose analysis is reused, with the page to mark the two as distinct."""
    source = str(decision.get("same_as") or "")
    if not source:
        return None
    media = media_object_id(tenant_id, source)
    return {
        "page": page_of(MediaObject, media),
        "thumbnail": thumbnail_address(media),
        "sha256": source[:12],
        "distance": decision.get("distance"),
        "objections": list_of(PictureHash, urlencode({"q": decision.get("sha256", "")})),
    }
