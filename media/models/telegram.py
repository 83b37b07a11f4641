"""Accounts of Telegram, the channels that are read through them, and what is not read yet."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.tenant_rows import TenantRows
from media.models.channel import Channel


class AccountState(models.TextChoices):
    """How far the sign-in of an account has come."""

    NEW = "new", pgettext_lazy("account", "not signed in")
    CODE = "code", _("waits for the code")
    QR = "qr", _("waits for its QR code to be scanned")
    PASSWORD = "password", _("waits for the password")
    READY = "ready", pgettext_lazy("account", "signed in")
    SIGNED_OUT = "signed_out", pgettext_lazy("account", "signed out by Telegram")


class TelegramAccount(models.Model):
    """
    An account of Telegram through which channels are read.

    `session` is the session of Telethon and `pending` what a sign-in needs until its next step,
    both encrypted with TELEGRAM_SESSION_KEY: whoever reads them is signed in as that person.
    """

    tenant_path: ClassVar = "tenant"

    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.PROTECT,
        related_name="telegram_accounts",
        verbose_name=_("tenant"),
    )
    name = models.CharField(pgettext_lazy("account", "name"), max_length=64)
    state = models.CharField(
        _("state"), max_length=16, choices=AccountState.choices, default=AccountState.NEW
    )
    session = models.BinaryField(blank=True, default=b"", editable=False)
    pending = models.BinaryField(blank=True, default=b"", editable=False)
    rests_until = models.DateTimeField(_("rests until"), null=True, blank=True)
    rest_reason = models.CharField(_("reason of the rest"), max_length=64, blank=True, default="")
    method_rests = models.JSONField(default=dict, blank=True, editable=False)
    """Until when (ISO 8601) some requests alone are not made: by `failures.JOIN`, `.RESOLVE`."""
    signed_in_at = models.DateTimeField(_("signed in at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = TenantRows()

    class Meta:
        db_table = "telegram_accounts"
        verbose_name = _("account of Telegram")
        verbose_name_plural = _("accounts of Telegram")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name"], name="telegram_account_once"),
            models.CheckConstraint(
                condition=Q(state__in=AccountState.values), name="telegram_account_state_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FeedState(models.TextChoices):
    FOLLOWED = "followed", pgettext_lazy("channel", "followed")
    CLOSED = "closed", pgettext_lazy("channel", "cannot be read any more")


class ChannelFeed(models.Model):
    """
    How a channel is read from Telegram.

    Everything up to `cursor` was read, or is listed as a gap. `top_id` is the id of the newest
    message when Telegram was last asked. `access_hash` is the channel's for this account alone.
    """

    tenant_path: ClassVar = "channel__tenant"

    channel = models.OneToOneField(
        Channel,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="feed",
        verbose_name=_("channel"),
    )
    account = models.ForeignKey(
        TelegramAccount,
        on_delete=models.PROTECT,
        related_name="feeds",
        verbose_name=_("account of Telegram"),
    )
    access_hash = models.BigIntegerField(editable=False)
    state = models.CharField(
        _("state"), max_length=16, choices=FeedState.choices, default=FeedState.FOLLOWED
    )
    cursor = models.BigIntegerField(_("read up to"), default=0)
    top_id = models.BigIntegerField(_("newest message"), default=0)
    rests_until = models.DateTimeField(_("rests until"), null=True, blank=True)
    rest_reason = models.CharField(_("reason of the rest"), max_length=64, blank=True, default="")
    to_join = models.BooleanField(default=False, editable=False)
    """Whether the account is to become a member as soon as Telegram lets it join again."""
    read_at = models.DateTimeField(_("read at"), null=True, blank=True)
    added_at = models.DateTimeField(_("added at"), auto_now_add=True)

    objects = TenantRows()

    class Meta:
        db_table = "telegram_feeds"
        verbose_name = _("channel read from Telegram")
        verbose_name_plural = _("channels read from Telegram")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=FeedState.values), name="telegram_feed_state_known"
            ),
        ]

    def __str__(self) -> str:
        return str(self.channel)


class GapReason(models.TextChoices):
    HISTORY = "history", _("history that is still to be read")
    NOT_WANTED = "not_wanted", _("older than was asked for")
    FAILED = "failed", _("could not be read")


class ChannelGap(models.Model):
    """
    Messages of a channel, from `first_id` to `last_id`, that were not read from Telegram.

    A failed one has a row of its own after its first failure; `runs` is in how many separate runs
    it failed, `last_run` the latest of them. From the second on the cursor may pass it.
    """

    tenant_path: ClassVar = "channel__tenant"

    channel = models.ForeignKey(
        Channel, on_delete=models.CASCADE, related_name="gaps", verbose_name=_("channel")
    )
    first_id = models.BigIntegerField(_("first message"))
    last_id = models.BigIntegerField(_("last message"))
    reason = models.CharField(_("reason"), max_length=16, choices=GapReason.choices)
    code = models.CharField(_("code"), max_length=64, blank=True, default="")
    detail = models.CharField(_("detail"), max_length=1000, blank=True, default="")
    runs = models.PositiveIntegerField(_("runs in which it failed"), default=0)
    last_run = models.UUIDField(null=True, editable=False)
    is_wanted = models.BooleanField(default=False, editable=False)
    """Whether somebody asked for another try of a failed message."""
    noticed_at = models.DateTimeField(_("noticed at"), auto_now_add=True)

    objects = TenantRows()

    class Meta:
        db_table = "telegram_gaps"
        verbose_name = _("gap of a channel")
        verbose_name_plural = _("gaps of channels")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "reason", "first_id"], name="telegram_gap_once"
            ),
            models.CheckConstraint(
                condition=Q(first_id__lte=F("last_id")), name="telegram_gap_is_a_range"
            ),
            models.CheckConstraint(
                condition=Q(reason__in=GapReason.values), name="telegram_gap_reason_known"
            ),
        ]

    def __str__(self) -> str:
        if self.first_id == self.last_id:
            return f"#{self.first_id}"
        return f"#{self.first_id}–{self.last_id}"
