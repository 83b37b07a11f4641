"""The console's page of the answers of the tagger that costs tokens."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from events.console import (
    EMPTY,
    ReadOnlyAdmin,
    excerpt,
    in_words,
    internal_link,
    page_of,
    short_time,
)
from media.models import Post
from vision.models import TagAnswer
from vision.reasons import explain


@admin.register(TagAnswer)
class TagAnswerAdmin(ReadOnlyAdmin[TagAnswer]):
    """What was answered about which post, for how many tokens, and why an answer was none."""

    list_display = ("asked", "words", "state", "names", "why", "tokens", "tenant")
    list_filter = ("state", ("reason", in_words(lambda code: str(explain(code)))), "tenant")
    list_select_related = ("post__channel", "tenant")
    ordering = ("-asked_at", "id")
    fields = readonly_fields = (
        "post_link", "state", "names", "why", "tokens", "model", "attempts", "asked", "tenant",
    )  # fmt: skip

    def heading(self, row: TagAnswer) -> str:
        return f"{row.post.channel} #{row.post.telegram_message_id}" if row.post else EMPTY

    @admin.display(description=_("asked at"), ordering="asked_at")
    def asked(self, row: TagAnswer) -> str:
        return short_time(row.asked_at)

    @admin.display(description=_("text"))
    def words(self, row: TagAnswer) -> str:
        return excerpt(row.post.content) if row.post else EMPTY

    @admin.display(description=_("tags"))
    def names(self, row: TagAnswer) -> str:
        return ", ".join(str(tag["name"]) for tag in row.tags) or EMPTY

    @admin.display(description=_("reason"))
    def why(self, row: TagAnswer) -> str:
        return str(explain(row.reason)) if row.reason else EMPTY

    @admin.display(description=_("post"))
    def post_link(self, row: TagAnswer) -> SafeString | str:
        return internal_link(page_of(Post, row.post_id), self.heading(row)) if row.post else EMPTY
