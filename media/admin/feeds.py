"""The console's pages of channels that are read from Telegram, and of what is not read of them."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts import access
from accounts.access import Action
from events.console import BigTableAdmin, NothingEditable, said
from events.errors import DomainError
from media.models import AccountState, ChannelFeed, ChannelGap, FeedState, TelegramAccount
from media.services.telegram import passes
from media.services.telegram.accounts import access as telegram
from media.services.telegram.channels import feeds, status
from media.services.telegram.reading import gaps, ingest


class FeedForm(forms.ModelForm[ChannelFeed]):
    """Add a channel: the first time the form is sent it shows what would be added, then it adds."""

    reference = forms.CharField(
        label=_("channel"), help_text=_("@name, a link, an invite link or the id")
    )
    since = forms.DateTimeField(
        label=_("not before"), required=False, help_text=_("older posts stay listed as a gap")
    )
    confirmed = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = ChannelFeed
        fields = ("account",)

    def clean(self) -> Any:
        values = super().clean() or {}
        if not self.errors:
            try:
                self._preview_or_add(values)
            except DomainError as refusal:
                raise ValidationError(said(refusal)) from refusal
        return values

    def _preview_or_add(self, values: dict[str, Any]) -> None:
        account, reference = values["account"], values["reference"]
        previewed = json.dumps([account.pk, reference, str(values.get("since") or "")])
        with telegram.connected(account) as opened:
            if values.get("confirmed") == previewed:
                added = ingest.add(opened, account, reference, since=values.get("since"))
                self.instance = added.feed
                return
            found = ingest.preview(opened, account, reference, values.get("since"))
        data = QueryDict(mutable=True)
        data.update({**dict(self.data.items()), "confirmed": previewed})
        self.data = data
        raise ValidationError(
            _("%(title)s: %(members)s members, up to %(messages)s messages. Save again to add it."),
            params={
                "title": found.card.title,
                "members": found.card.members if found.card.members is not None else "—",
                "messages": found.messages_at_most,
            },
        )


@admin.register(ChannelFeed)
class ChannelFeedAdmin(BigTableAdmin[ChannelFeed]):
    when_empty = _(
        "No channel is read from Telegram. Sign in an account first, then add its channels."
    )
    list_display = ("channel", "account", "reading", "is_active", "cursor", "top_id", "unread",
                    "rests_until", "read_at")  # fmt: skip
    list_filter = ("state", "account")
    list_select_related = ("channel", "account")
    ordering = ("channel__title", "pk")
    readonly_fields = ("channel", "account", "reading", "cursor", "top_id", "unread", "rests_until",
                       "rest_reason", "read_at", "added_at")  # fmt: skip
    fields = readonly_fields
    actions = ("pause", "resume_reading", "read_gaps")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChannelFeed]:
        return status.with_unread(super().get_queryset(request))

    def get_form(self, request: HttpRequest, obj: Any = None, *rest: Any, **more: Any) -> Any:
        if obj is None:
            more["form"] = FeedForm
        return super().get_form(request, obj, *rest, **more)

    def get_fields(self, request: HttpRequest, obj: ChannelFeed | None = None) -> Any:
        return self.fields if obj else ("account", "reference", "since", "confirmed")

    def get_readonly_fields(self, request: HttpRequest, obj: ChannelFeed | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "account":
            ready = TelegramAccount.objects.filter(state=AccountState.READY)
            kwargs["queryset"] = access.visible(ready, request.user, Action.OPERATE)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Nothing: the form has added the channel."""

    def has_change_permission(self, request: HttpRequest, obj: ChannelFeed | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ChannelFeed | None = None) -> bool:
        return False

    def has_read_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("media.change_channelfeed"))

    @admin.display(description=_("state"), ordering="state")
    def reading(self, feed: ChannelFeed) -> str:
        """Its state, which says nothing where nobody reads any channel of the account."""
        if feed.account.state != AccountState.READY:
            return str(_("not read: its account is not signed in"))
        return str(FeedState(feed.state).label)

    @admin.display(description=pgettext_lazy("channel", "active"), boolean=True)
    def is_active(self, feed: ChannelFeed) -> bool:
        return feed.channel.is_active

    @admin.display(description=_("not read"), ordering="unread")
    def unread(self, feed: Any) -> int:
        return int(feed.unread)

    @admin.action(description=_("Pause"), permissions=["read"])
    def pause(self, request: HttpRequest, queryset: QuerySet[ChannelFeed]) -> None:
        self._pause(request, queryset, paused=True)

    @admin.action(description=_("Read again"), permissions=["read"])
    def resume_reading(self, request: HttpRequest, queryset: QuerySet[ChannelFeed]) -> None:
        self._pause(request, queryset, paused=False)

    @admin.action(description=_("Read all that is missing"), permissions=["read"])
    def read_gaps(self, request: HttpRequest, queryset: QuerySet[ChannelFeed]) -> None:
        wanted = ChannelGap.objects.filter(channel__in=queryset.values("pk"))
        _want(self, request, list(wanted.select_related("channel__tenant")))

    def _pause(
        self, request: HttpRequest, queryset: QuerySet[ChannelFeed], *, paused: bool
    ) -> None:
        for feed in queryset.select_related("channel__tenant"):
            feeds.pause(feed, paused=paused)
        self.message_user(request, _("Done."), messages.SUCCESS)


@admin.register(ChannelGap)
class ChannelGapAdmin(NothingEditable, BigTableAdmin[ChannelGap]):
    when_empty = _("Of the channels that are read from Telegram no message is missing.")
    list_display = ("channel", "first_id", "last_id", "reason", "runs", "code", "noticed_at")
    list_filter = ("reason", "channel")
    list_select_related = ("channel",)
    ordering = ("channel__title", "first_id", "pk")
    fields = ("channel", "first_id", "last_id", "reason", "runs", "code", "detail", "noticed_at")
    actions = ("fill",)

    def has_read_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("media.change_channelfeed"))

    @admin.action(description=_("Read these messages"), permissions=["read"])
    def fill(self, request: HttpRequest, queryset: QuerySet[ChannelGap]) -> None:
        _want(self, request, list(queryset.select_related("channel__tenant")))


def _want(page: Any, request: HttpRequest, chosen: list[ChannelGap]) -> None:
    """Have the next pass read them; within five minutes it begins. Say what it will not read."""
    count = gaps.want(chosen)
    read = passes.read_next({gap.channel_id for gap in chosen})
    later = sum(gap.channel_id not in read for gap in chosen)
    if count > later or not count:
        text = _("%(count)s gaps will be read by the next pass, within some minutes.")
        page.message_user(request, text % {"count": count - later}, messages.SUCCESS)
    if later:
        text = _(
            "%(count)s gaps are not read now: their channel is paused or at rest, or its account is"
            " not signed in. They are read when that is over."
        )
        page.message_user(request, text % {"count": later}, messages.WARNING)
