"""The console's pages of posts: search by words, and everything known about one post."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin, ModelAdmin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from events.console import (
    EMPTY,
    ReadOnlyAdmin,
    excerpt,
    external_link,
    internal_link,
    page_of,
    pretty_json,
    short_time,
    text_block,
)
from media.admin.first_steps import IMPORT_FIRST
from media.admin.pictures import post_thumbnail, thumbnail_tag, with_media
from media.admin.post_history import (
    DeletedFilter,
    deleted_mark,
    deletion_text,
    history_table,
)
from media.admin.post_media import PostMediaInline
from media.models import MediaState, Post, post_id
from media.posts.content import FORMATTING
from media.selectors import find_posts


class AlbumFilter(admin.SimpleListFilter):
    title = _("album")
    parameter_name = "album"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [("1", _("part of an album")), ("0", _("on its own"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        rules = {"1": Q(grouped_id__isnull=False), "0": Q(grouped_id__isnull=True)}
        return queryset.filter(rules.get(self.value() or "", Q()))


@admin.register(Post)
class PostAdmin(ReadOnlyAdmin[Post]):
    when_empty = IMPORT_FIRST
    list_display = (
        "thumbnail",
        "words",
        "channel",
        "posted",
        "medium",
        "views_count",
        "telegram",
    )
    list_display_links = ("words",)
    list_filter: ClassVar[Any] = (
        "channel",
        "media_kind",
        "media_state",
        "has_media",
        AlbumFilter,
        DeletedFilter,
        "is_edited",
        "is_forward",
        "tenant",
    )
    list_select_related = ("channel",)
    date_hierarchy = "posted_at"
    ordering = ("-posted_at", "-id")
    search_fields = ("content",)
    search_help_text = _(
        "Words in Russian or English in any form, “a phrase”, -without: of the text, of files,"
        " places, games, buttons and pictures; or a message's id or link"
    )
    inlines: ClassVar[Any] = (PostMediaInline,)
    fieldsets: ClassVar[Any] = (
        (
            None,
            {"fields": (("channel", "posted_at", "telegram"), "deleted", "pictures", "text")},
        ),
        (
            _("Links and names"),
            {"fields": ("links", "button_list", ("mention_list", "hashtag_list"))},
        ),
        (
            _("Media"),
            {"fields": (("media_kind", "media_state", "media_name"), "words_of_pictures")},
        ),
        (
            _("Author and origin"),
            {
                "fields": (
                    ("post_author", "via_bot", "reply"),
                    ("is_forward", "forward_from_name", "forward_from_chat_id", "forward_date"),
                )
            },
        ),
        (
            _("Views and reactions"),
            {
                "fields": (
                    ("views_count", "forwards_count", "reactions_count", "replies_count"),
                    ("reaction_list", "engagement"),
                )
            },
        ),
        (_("History"), {"fields": ("history",)}),
        (
            _("Record"),
            {
                "classes": ("collapse",),
                "fields": (
                    "id",
                    "tenant",
                    "source",
                    "telegram_message_id",
                    "grouped_id",
                    "is_edited",
                    "edited_at",
                    "created_at",
                    "updated_at",
                    "other_content",
                    "unknown_content",
                ),
            },
        ),
    )

    needed_for: ClassVar[dict[str, str]] = {}
    """Permissions without which an action of another room is not offered, by its name."""

    @classmethod
    def extend(
        cls,
        *,
        inlines: Iterable[type[InlineModelAdmin[Any, Post]]],
        filters: Iterable[Any] = (),
        actions: Iterable[tuple[Callable[..., Any], str]] = (),
    ) -> None:
        """
        Add inlines, filters and actions of rooms above, which this room must not import.

        An action comes with the permission that it needs.
        """
        cls.inlines = (*cls.inlines, *inlines)
        cls.list_filter = (*cls.list_filter, *filters)
        for action, permission in actions:
            cls.actions = (*(cls.actions or ()), action)
            cls.needed_for[action.__name__] = permission

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        return {
            name: action
            for name, action in actions.items()
            if name not in self.needed_for or request.user.has_perm(self.needed_for[name])
        }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Post]:
        posts = super().get_queryset(request).select_related("channel", "tenant")
        return posts.prefetch_related(with_media())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Post], search_term: str
    ) -> tuple[QuerySet[Post], bool]:
        term = search_term.replace("\0", "").strip()
        return (find_posts(queryset, term) if term else queryset), False

    @admin.display(description=_("picture"))
    def thumbnail(self, post: Post) -> SafeString | str:
        return post_thumbnail(post)

    def heading(self, post: Post) -> str:
        return f"{post.channel} #{post.telegram_message_id}"

    @admin.display(description=_("posted at"), ordering="posted_at")
    def posted(self, post: Post) -> str:
        return short_time(post.posted_at)

    @admin.display(description=_("media"), ordering="media_kind")
    def medium(self, post: Post) -> str:
        """The kind of the file, and why it is missing if it is not stored."""
        kind, state = post.get_media_kind_display(), post.get_media_state_display()
        parts = [kind] if post.media_state == MediaState.STORED else [kind, state]
        return ": ".join(filter(None, parts)) or EMPTY

    @admin.display(description=_("deleted in Telegram"))
    def deleted(self, post: Post) -> str:
        return deletion_text(post)

    @admin.display(description=_("versions and counts"))
    def history(self, post: Post) -> SafeString | str:
        return history_table(post)

    @admin.display(description=_("pictures"))
    def pictures(self, post: Post) -> SafeString | str:
        tags = ((thumbnail_tag(row.media_object_id),) for row in post.post_media.all())
        row = format_html_join("", "{}", tags)
        return format_html('<div class="console-row">{}</div>', row) if row else EMPTY

    @admin.display(description=_("text"))
    def words(self, post: Post) -> SafeString | str:
        """The text; of a post without one, by what else it is found. Before it, what was deleted."""
        text = excerpt(post.content or post.other_words or post.picture_words)
        text = text if text != EMPTY else f"{EMPTY} #{post.telegram_message_id}"
        mark = deleted_mark(post)
        return format_html("{} {}", mark, text) if mark else text

    @admin.display(description=_("text"))
    def text(self, post: Post) -> SafeString | str:
        return text_block(post.content)

    @admin.display(description="Telegram", ordering="telegram_message_id")
    def telegram(self, post: Post) -> SafeString | str:
        return external_link(post.telegram_post_url, f"#{post.telegram_message_id}")

    @admin.display(description=_("links in the text"))
    def links(self, post: Post) -> SafeString | str:
        anchors = ((external_link(str(url)),) for url in post.urls)
        return format_html_join(SafeString("<br>"), "{}", anchors) or EMPTY

    @admin.display(description=_("buttons"))
    def button_list(self, post: Post) -> SafeString | str:
        rows = [_button(button) for button in post.extra.get("buttons", [])]
        return format_html_join(SafeString("<br>"), "{}", ((row,) for row in rows)) or EMPTY

    @admin.display(description=_("words of its pictures"))
    def words_of_pictures(self, post: Post) -> SafeString | str:
        return text_block(post.picture_words)

    @admin.display(description=_("mentions"))
    def mention_list(self, post: Post) -> str:
        return ", ".join(map(str, post.mentions)) or EMPTY

    @admin.display(description=_("hashtags"))
    def hashtag_list(self, post: Post) -> str:
        return ", ".join(map(str, post.hashtags)) or EMPTY

    @admin.display(description=_("reply to"))
    def reply(self, post: Post) -> SafeString | str:
        """The message that was answered; within the channel, a link to its post if there is one."""
        if post.reply_to_message_id is None:
            return EMPTY
        text = f"#{post.reply_to_message_id}"
        if post.reply_to_chat_id is not None:
            return f"{text} ({post.reply_to_chat_id})"
        answered = post_id(post.channel_id, post.reply_to_message_id)
        is_here = Post.objects.filter(pk=answered).exists()
        return internal_link(page_of(Post, answered), text) if is_here else text

    @admin.display(description=_("reactions by kind"))
    def reaction_list(self, post: Post) -> str:
        parts = (f"{_reaction(given)} {given.get('count', '')}" for given in post.reactions)
        return ", ".join(parts) or EMPTY

    @admin.display(description=_("engagement"))
    def engagement(self, post: Post) -> str:
        """Empty where it would count unknown views as none."""
        return EMPTY if post.views_count is None else number_format(post.engagement_score, 2)

    @admin.display(description=_("other content"))
    def other_content(self, post: Post) -> SafeString | str:
        shown_elsewhere = ("unknown", FORMATTING)
        return pretty_json({k: v for k, v in post.extra.items() if k not in shown_elsewhere})

    @admin.display(description=_("unknown content"))
    def unknown_content(self, post: Post) -> SafeString | str:
        """What stood in the message under keys that the import does not know, as it is."""
        unknown = post.extra.get("unknown")
        return pretty_json(unknown) if unknown else EMPTY


def _button(button: dict[str, Any]) -> SafeString | str:
    label, url = str(button.get("text", "")), str(button.get("url", ""))
    return external_link(url, label or url) if url else label


def _reaction(given: dict[str, Any]) -> str:
    kind = given.get("kind", "")
    return str(given.get("value", "")) if kind == "emoji" else str(kind)
