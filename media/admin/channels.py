"""The console's pages of channels, with the number of their posts."""

from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.admin.meanwhile import MindsOthers
from events.console import BigTableAdmin, in_words, internal_link, list_of, pretty_json, said
from events.queue import enqueue
from media.admin import channel_history
from media.admin.first_steps import IMPORT_FIRST
from media.models import Channel, Post
from media.services import import_words
from media.sources.telegram.failures import ReferenceUnknown
from media.sources.telegram.references import parse_reference


class ChannelForm(MindsOthers[Channel]):
    """Takes the public name as people write it, with @ or as a link, and refuses what is none."""

    def clean_username(self) -> str:
        text: str = self.cleaned_data["username"].strip()
        if not text:
            return ""
        try:
            name = parse_reference(text).name
        except ReferenceUnknown as refusal:
            raise ValidationError(said(refusal)) from refusal
        if not name:
            raise ValidationError(_("This is no public name: it is what stands behind the @."))
        same = Channel.objects.filter(tenant=self.instance.tenant_id, username__iexact=name)
        if other := same.exclude(pk=self.instance.pk).first():
            raise ValidationError(_("“%(channel)s” has this name."), params={"channel": other})
        return name


@admin.register(Channel)
class ChannelAdmin(BigTableAdmin[Channel]):
    """
    Imports create channels. An operator may pause a channel and enter its public name: exports
    do not include it, but links to posts and the vision policy need it.
    """

    when_empty = IMPORT_FIRST
    form: Any = ChannelForm
    list_display = (
        "title",
        "username",
        "tenant",
        "posts_link",
        "is_active",
        "last_message_at",
        "last_parsed_at",
    )
    list_filter = (
        "is_active",
        ("kind", in_words(import_words.chat_kind)),
        "tenant",
    )
    list_select_related = ("tenant",)
    search_fields = ("title", "username")
    ordering = ("title", "id")
    fields = (
        "title",
        "username",
        "is_active",
        "tenant",
        "posts_link",
        "tg_channel_id",
        "kind",
        "last_message_id",
        "last_message_at",
        "last_parsed_at",
        "changes",
        "mass_deletions",
        "sources",
        "settings_json",
        "created_at",
    )
    readonly_fields = tuple(name for name in fields if name not in {"is_active", "username"})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        return (
            super()
            .get_queryset(request)
            .select_related("tenant")
            .alias()
            .annotate(posts_count=_posts_of_channel())
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Channel | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Save; a public name is part of the links to the posts, of which there may be a million."""
        super().save_model(request, obj, form, change)
        if "username" in form.changed_data:
            enqueue("media.tasks.renew_links", channel_id=str(obj.pk))

    @admin.display(description=_("posts"), ordering="posts_count")
    def posts_link(self, channel: Channel) -> SafeString:
        address = list_of(Post, urlencode({"channel__id__exact": channel.pk}))
        return internal_link(address, cast("Any", channel).posts_count)

    @admin.display(description=_("changes"))
    def changes(self, channel: Channel) -> SafeString | str:
        return channel_history.changes_table(channel)

    @admin.display(description=_("mass deletions"))
    def mass_deletions(self, channel: Channel) -> SafeString | str:
        return channel_history.mass_deletions(channel)

    @admin.display(description=_("sources"))
    def sources(self, channel: Channel) -> SafeString | str:
        return channel_history.sources_table(channel)

    @admin.display(description=_("settings"))
    def settings_json(self, channel: Channel) -> SafeString | str:
        return pretty_json(channel.settings)


def _posts_of_channel() -> Coalesce:
    """One index-only count per channel shown, instead of a join over all posts."""
    counts = (
        Post.objects.filter(channel=OuterRef("pk"))
        .order_by()
        .values("channel")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return Coalesce(Subquery(counts, output_field=IntegerField()), 0)
