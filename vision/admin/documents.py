"""The console's pages of the texts of documents, and the action that has them read again."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.options import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from events.console import (
    EMPTY,
    ReadOnlyAdmin,
    ReadOnlyStack,
    in_words,
    internal_link,
    page_of,
    rendered,
    said,
    short_time,
    text_block,
)
from events.errors import DomainError
from media.admin import MediaObjectAdmin, PostAdmin
from media.models import MediaObject, Post, media_object_id
from vision.models import DocumentText, ReadingOutcome
from vision.reasons import explain
from vision.services import request_documents

PERMISSION: Final = "vision.change_documenttext"
MOST: Final = 1000
"""More would exceed the patience of a browser."""
SHOWN_PARTS: Final = 50


def documents_table(tenant_id: Any, decisions: Iterable[Any]) -> SafeString | str:
    """The documents of a post, what came of each, and why."""
    rows = [_row(tenant_id, one) for one in decisions if isinstance(one, dict)]
    return rendered("documents.html", rows=rows) if rows else EMPTY


def _row(tenant_id: Any, decision: dict[str, Any]) -> dict[str, Any]:
    media = media_object_id(tenant_id, str(decision.get("sha256", "")))
    outcome = str(decision.get("outcome", ""))
    return decision | {
        "page": page_of(MediaObject, media),
        "text_page": page_of(DocumentText, media),
        "sha256": str(decision.get("sha256", ""))[:12],
        "outcome_code": outcome,
        "outcome": _OUTCOMES.get(outcome, outcome),
        "explanation": explain(str(decision.get("reason", ""))),
    }


_OUTCOMES: Final = dict(ReadingOutcome.choices)


@admin.action(description=_("Read the documents again"))
def read_documents_again(
    model_admin: ModelAdmin[Any], request: HttpRequest, queryset: QuerySet[Post]
) -> None:
    """Have the documents of these posts read again."""
    posts = list(queryset.order_by().values_list("pk", flat=True)[: MOST + 1])
    _ask(model_admin, request, posts, request_documents.of_posts)


def _ask(model_admin: ModelAdmin[Any], request: HttpRequest, ids: list[UUID], ask: Any) -> None:
    if len(ids) > MOST:
        too_many = _("More than %(most)d at a time are not possible.")
        model_admin.message_user(request, too_many % {"most": MOST}, messages.ERROR)
        return
    try:
        count = ask(ids, now=timezone.now())
    except DomainError as refusal:
        model_admin.message_user(request, said(refusal), messages.ERROR)
        return
    text = ngettext(
        "The reading of %(count)d document is queued.",
        "The reading of %(count)d documents is queued.",
        count,
    )
    level = messages.SUCCESS if count else messages.WARNING
    model_admin.message_user(request, text % {"count": count}, level)


def _in_words(code: str) -> str:
    return str(explain(code))


class DocumentFields:
    """The displayed fields of a text, for its page and for the inline in the page of the file."""

    @admin.display(description=_("outcome"), ordering="outcome")
    def result(self, row: DocumentText) -> str:
        return str(row.get_outcome_display() if row.outcome else row.get_state_display())

    @admin.display(description=_("why"), ordering="reason")
    def why(self, row: DocumentText) -> SafeString | str:
        if not row.reason:
            return EMPTY
        details = ", ".join(str(explain(one)) for one in row.details.split(", ") if one)
        code = f"{row.reason}: {details}" if details else row.reason
        return format_html('{}<div class="console-quiet">{}</div>', explain(row.reason), code)

    @admin.display(description=_("duration, s"), ordering="seconds")
    def duration(self, row: DocumentText) -> str:
        return EMPTY if row.seconds is None else number_format(row.seconds, 1)

    @admin.display(description=_("text"))
    def text(self, row: DocumentText) -> SafeString | str:
        """The beginning: a book would be a page of a megabyte."""
        parts = row.parts.order_by("position").defer("words")[:SHOWN_PARTS]
        pieces = ((_heading(part), text_block(part.text)) for part in parts)
        return format_html_join("", "<div><strong>{}</strong>{}</div>", pieces) or EMPTY


def _heading(part: Any) -> str:
    if part.label:
        return str(part.label)
    return str(_("page %d") % part.page) if part.page else ""


class DocumentTextInline(DocumentFields, ReadOnlyStack[DocumentText, MediaObject]):
    model = DocumentText
    fields = readonly_fields = (
        "result", "why", "format", "pages", "pages_recognized", "chars", "text",
    )  # fmt: skip
    show_change_link = True


@admin.register(DocumentText)
class DocumentTextAdmin(DocumentFields, ReadOnlyAdmin[DocumentText]):
    list_display = (
        "name", "result", "why", "format", "pages", "pages_recognized", "chars", "read",
    )  # fmt: skip
    list_display_links = ("name",)
    list_filter = ("state", "outcome", ("reason", in_words(_in_words)), "format")
    search_fields = ("=media_object__file_sha256",)
    search_help_text = _("A SHA-256")
    ordering = ("-read_at", "media_object")
    actions = ("read_again",)
    fields = readonly_fields = (
        "file", "state", "result", "why", "format", "pages", "pages_recognized", "chars", "duration",
        "attempts", "claimed_until", "read", "text",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[DocumentText]:
        return super().get_queryset(request).select_related("media_object")

    def heading(self, row: DocumentText) -> str:
        return row.media_object.file_sha256[:12]

    def has_read_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @admin.action(description=_("Read again"), permissions=["read"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[DocumentText]) -> None:
        ids = list(queryset.order_by().values_list("pk", flat=True)[: MOST + 1])
        _ask(self, request, ids, request_documents.of_media)

    @admin.display(description=_("file"))
    def name(self, row: DocumentText) -> str:
        return row.media_object.file_sha256[:12]

    @admin.display(description=_("file"))
    def file(self, row: DocumentText) -> SafeString:
        return internal_link(page_of(MediaObject, row.pk), row.media_object.file_sha256[:12])

    @admin.display(description=_("read at"), ordering="read_at")
    def read(self, row: DocumentText) -> str:
        return short_time(row.read_at)


PostAdmin.extend(inlines=[], actions=[(read_documents_again, PERMISSION)])
MediaObjectAdmin.extend(inlines=[DocumentTextInline])
