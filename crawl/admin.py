"""The console's pages of articles and of the domains that they come from."""

from typing import Any, ClassVar, Final

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.admin.meanwhile import MindsOthers
from crawl import selectors
from crawl.models import CrawlDomain, CrawledPage, PageMention, PageVersion
from crawl.reasons import in_words as words_of
from crawl.services import ask, domain_budgets
from events.console import (
    EMPTY,
    BigTableAdmin,
    ReadOnlyAdmin,
    ReadOnlyInline,
    excerpt,
    external_link,
    in_words,
    internal_link,
    page_of,
    said,
    short_time,
    text_block,
    translated,
)
from events.errors import DomainError
from media.admin import PostAdmin
from media.models import Post

PERMISSION: Final = "crawl.change_crawledpage"
MOST: Final = 1000
"""More would exceed the patience of a browser."""
TITLE_CHARS: Final = 80

_NOTHING_FETCHED = _(
    "No article was fetched yet. Links of posts are followed where FEATURE_CRAWL_ENABLED is on."
)


class ArticlesOfPostInline(ReadOnlyInline[PageMention, Post]):
    """The pages that a post points to, on the page of the post."""

    model = PageMention
    fields = readonly_fields = ("article", "state", "why")
    verbose_name_plural = _("articles")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PageMention]:
        return super().get_queryset(request).select_related("page")

    @admin.display(description=_("article"))
    def article(self, row: PageMention) -> SafeString:
        return internal_link(page_of(CrawledPage, row.page_id), excerpt(str(row.page), TITLE_CHARS))

    @admin.display(description=_("state"))
    def state(self, row: PageMention) -> str:
        return row.page.get_state_display()

    @admin.display(description=_("reason"))
    def why(self, row: PageMention) -> str:
        return words_of(row.page.reason) or EMPTY


class PostsOfArticleInline(ReadOnlyInline[PageMention, CrawledPage]):
    """The posts that point to an article."""

    model = PageMention
    fields = readonly_fields = ("post_link", "posted", "text")
    verbose_name_plural = _("posts")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PageMention]:
        return super().get_queryset(request).select_related("post__channel")

    @admin.display(description=_("post"))
    def post_link(self, row: PageMention) -> SafeString:
        name = f"{row.post.channel} #{row.post.telegram_message_id}"
        return internal_link(page_of(Post, row.post_id), name)

    @admin.display(description=_("posted at"))
    def posted(self, row: PageMention) -> str:
        return short_time(row.post.posted_at)

    @admin.display(description=_("text"))
    def text(self, row: PageMention) -> str:
        return excerpt(row.post.content)


class VersionsInline(ReadOnlyInline[PageVersion, CrawledPage]):
    """What a page said, and since when."""

    model = PageVersion
    fields = readonly_fields = (
        "number", "seen", "title", "author", "published_on", "language", "word_count",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[PageVersion]:
        return super().get_queryset(request).defer("text")

    @admin.display(description=_("seen at"))
    def seen(self, row: PageVersion) -> str:
        return short_time(row.seen_at)


@admin.register(CrawledPage)
class CrawledPageAdmin(ReadOnlyAdmin[CrawledPage]):
    when_empty = _NOTHING_FETCHED
    list_display = ("name", "host", "state", "why", "version", "checked", "gone")
    list_display_links = ("name",)
    list_filter: ClassVar[Any] = ("state", ("reason", in_words(words_of)), "tenant")
    search_fields = ("url", "title")
    search_help_text = _("A part of the address or of the title")
    ordering = ("-requested_at", "id")
    actions = ("fetch_again",)
    inlines: ClassVar[Any] = [PostsOfArticleInline, VersionsInline]
    fields = readonly_fields = (
        "link", "leads_to", "tenant", "state", "why", "explained", "http_status", "gone", "checked",
        "next_visit", "duration", "attempts", "claimed", "picture", "text", "changes",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[CrawledPage]:
        return super().get_queryset(request).select_related("tenant")

    def heading(self, page: CrawledPage) -> str:
        return excerpt(str(page), TITLE_CHARS)

    def has_fetch_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @admin.display(description=_("details"))
    def explained(self, page: CrawledPage) -> str:
        return translated(page.details) or EMPTY

    @admin.action(description=_("Fetch again"), permissions=["fetch"])
    def fetch_again(self, request: HttpRequest, queryset: QuerySet[CrawledPage]) -> None:
        ids = list(queryset.order_by().values_list("pk", flat=True)[: MOST + 1])
        if len(ids) > MOST:
            text = _("At most %(most)d articles at once.") % {"most": MOST}
            self.message_user(request, text, messages.ERROR)
            return
        try:
            count = ask.again(ids, now=timezone.now())
        except DomainError as refusal:
            self.message_user(request, said(refusal), messages.ERROR)
            return
        text = ngettext("%(count)d article requested.", "%(count)d articles requested.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

    @admin.display(description=_("article"), ordering="title")
    def name(self, page: CrawledPage) -> str:
        return excerpt(str(page), TITLE_CHARS)

    @admin.display(description=_("address"))
    def link(self, page: CrawledPage) -> SafeString | str:
        return external_link(page.url)

    @admin.display(description=_("leads to"))
    def leads_to(self, page: CrawledPage) -> SafeString | str:
        return external_link(page.final_url)

    @admin.display(description=_("reason"), ordering="reason")
    def why(self, page: CrawledPage) -> str:
        return words_of(page.reason) or EMPTY

    @admin.display(description=_("checked at"), ordering="checked_at")
    def checked(self, page: CrawledPage) -> str:
        return short_time(page.checked_at)

    @admin.display(description=_("gone since"), ordering="gone_since")
    def gone(self, page: CrawledPage) -> str:
        return short_time(page.gone_since)

    @admin.display(description=_("next visit"))
    def next_visit(self, page: CrawledPage) -> str:
        return short_time(page.due_at)

    @admin.display(description=_("duration, s"))
    def duration(self, page: CrawledPage) -> str:
        return EMPTY if page.seconds is None else number_format(page.seconds, decimal_pos=1)

    @admin.display(description=_("in work until"))
    def claimed(self, page: CrawledPage) -> str:
        return short_time(page.claimed_until)

    @admin.display(description=_("picture"))
    def picture(self, page: CrawledPage) -> SafeString | str:
        """Give a link: to show the picture would tell its server who reads here."""
        found = selectors.current(page)
        return external_link(found.top_image) if found else EMPTY

    @admin.display(description=_("text"))
    def text(self, page: CrawledPage) -> SafeString | str:
        found = selectors.current(page)
        return text_block(found.text) if found else EMPTY

    @admin.display(description=_("changes of the last version"))
    def changes(self, page: CrawledPage) -> SafeString | str:
        lines = selectors.changes_of(page)
        return format_html_join("", "<div>{}</div>", ((line,) for line in lines)) or EMPTY


@admin.register(CrawlDomain)
class CrawlDomainAdmin(BigTableAdmin[CrawlDomain]):
    """Domains that pages came from; of a row people change its budget, and nothing else."""

    when_empty = _NOTHING_FETCHED
    form: Any = MindsOthers
    list_display = ("host", "tenant", "used", "in_force", "own", "since")
    list_filter: ClassVar[Any] = ("tenant",)
    search_fields = ("host",)
    search_help_text = _("A part of the host's name")
    ordering = ("-hour", "host")
    fields = ("host", "tenant", "used", "in_force", "since", "budget")
    readonly_fields = ("host", "tenant", "used", "in_force", "since")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CrawlDomain]:
        return super().get_queryset(request).select_related("tenant")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: CrawlDomain | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: CrawlDomain, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        domain_budgets.save(obj, now=timezone.now())

    @admin.display(description=_("budget of an hour"))
    def in_force(self, row: CrawlDomain) -> int:
        common = int(settings.CRAWL.crawl_domain_pages_per_hour)
        return common if row.budget is None else row.budget

    @admin.display(description=_("own budget"), boolean=True)
    def own(self, row: CrawlDomain) -> bool:
        return row.budget is not None

    @admin.display(description=_("hour"), ordering="hour")
    def since(self, row: CrawlDomain) -> str:
        return short_time(row.hour)


PostAdmin.extend(inlines=[ArticlesOfPostInline])
