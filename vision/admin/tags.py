"""The console's pages of tags: which there are, and which wait for a person."""

from typing import Final

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from events.console import (
    EMPTY,
    ReadOnlyAdmin,
    ReadOnlyInline,
    excerpt,
    internal_link,
    page_of,
    short_time,
)
from media.admin import PostAdmin
from media.models import Post
from vision.models import PostTag, Tag, TagState
from vision.tagging.by_hand import people

MOST: Final = 1000
"""More would exceed the patience of a browser."""
POSTS: Final = Count("post_tags", filter=Q(post_tags__state=TagState.ACCEPTED))


class PostTagInline(ReadOnlyInline[PostTag, Post]):
    model = PostTag
    fields = readonly_fields = (
        "tag", "category", "state", "origin", "tagger", "confidence", "decided_by",
    )  # fmt: skip
    ordering = ("state", "tag__name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PostTag]:
        return super().get_queryset(request).select_related("tag", "decided_by")


PostAdmin.extend(inlines=[PostTagInline])


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin[Tag]):
    list_display = ("name", "posts", "meant", "tenant")
    list_filter = (("merged_into", admin.EmptyFieldListFilter), "tenant")
    list_select_related = ("merged_into", "tenant")
    search_fields = ("name",)
    ordering = ("name", "id")
    fields = readonly_fields = ("name", "posts", "meant", "tenant", "made")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        return super().get_queryset(request).annotate(posts_count=POSTS)

    @admin.display(description=_("posts"))
    def posts(self, tag: Tag) -> int:
        return int(getattr(tag, "posts_count", 0))

    @admin.display(description=_("synonym of"))
    def meant(self, tag: Tag) -> SafeString | str:
        into = tag.merged_into
        return internal_link(page_of(Tag, into.pk), into.name) if into else EMPTY

    @admin.display(description=_("created at"))
    def made(self, tag: Tag) -> str:
        return short_time(tag.created_at)


@admin.register(PostTag)
class PostTagAdmin(ReadOnlyAdmin[PostTag]):
    """The review list: `state=proposed` are those that wait."""

    list_display = (
        "name",
        "words",
        "category",
        "state",
        "origin",
        "tagger",
        "sure",
        "decided",
        "tenant",
    )
    list_display_links = ("name",)
    list_filter = ("state", "origin", "category", "tagger", "tenant")
    list_select_related = ("tag", "post__channel", "tenant")
    search_fields = ("=tag__name",)
    search_help_text = _("A tag")
    ordering = ("-created_at", "id")
    actions = ("accept_tags", "drop_tags")
    fields = readonly_fields = (
        "tag", "post_link", "state", "origin", "tagger", "category", "sure", "version", "decided_by", "decided",
        "tenant",
    )  # fmt: skip

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("vision.change_posttag")

    @admin.action(description=_("Accept the proposals"), permissions=["decide"])
    def accept_tags(self, request: HttpRequest, queryset: QuerySet[PostTag]) -> None:
        self._decide(request, queryset, accept=True)

    @admin.action(description=_("Drop the proposals"), permissions=["decide"])
    def drop_tags(self, request: HttpRequest, queryset: QuerySet[PostTag]) -> None:
        self._decide(request, queryset, accept=False)

    def _decide(self, request: HttpRequest, rows: QuerySet[PostTag], *, accept: bool) -> None:
        ids = list(rows.order_by().values_list("pk", flat=True)[: MOST + 1])
        if len(ids) > MOST:
            too_many = _("More than %(most)d at a time are not possible.")
            self.message_user(request, too_many % {"most": MOST}, messages.ERROR)
            return
        count = people.decide(ids, accept=accept, user=request.user, now=timezone.now())
        text = ngettext("%(count)d proposal is decided.", "%(count)d proposals are decided.", count)
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, text % {"count": count}, level)

    def heading(self, row: PostTag) -> str:
        return f"{row.tag.name}: {row.post.channel} #{row.post.telegram_message_id}"

    @admin.display(description=_("tag"), ordering="tag__name")
    def name(self, row: PostTag) -> str:
        return row.tag.name

    @admin.display(description=_("text"))
    def words(self, row: PostTag) -> str:
        return excerpt(row.post.content)

    @admin.display(description=_("confidence"), ordering="confidence")
    def sure(self, row: PostTag) -> str:
        return f"{row.confidence:.0%}"

    @admin.display(description=_("decided at"), ordering="decided_at")
    def decided(self, row: PostTag) -> str:
        return short_time(row.decided_at)

    @admin.display(description=_("post"))
    def post_link(self, row: PostTag) -> SafeString:
        post = row.post
        return internal_link(page_of(Post, post.pk), f"{post.channel} #{post.telegram_message_id}")
