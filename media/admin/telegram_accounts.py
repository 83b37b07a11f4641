"""The console's pages of accounts of Telegram: connect one step by step, forget it again."""

import math
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.access import Action, tenants_of
from events.console import BigTableAdmin, said
from events.errors import DomainError
from media.admin.qr_codes import qr_picture
from media.models import AccountState, TelegramAccount
from media.services.telegram.accounts import access as telegram
from media.services.telegram.accounts import encryption, rests, sign_in
from media.sources.telegram.failures import JOIN, RESOLVE

_SEEN = ("state", "rests_until", "rest_reason", "put_off", "signed_in_at")
_STEP_FIELDS = {
    AccountState.CODE: ("code",),
    AccountState.QR: ("qr_code",),
    AccountState.PASSWORD: ("password",),
}
_PUT_OFF = {
    JOIN: _("joining channels until %(time)s"),
    RESOLVE: _("looking up names until %(time)s"),
}
_WAITING = frozenset(_STEP_FIELDS)
_EARLY = _("Nobody has scanned the code yet. This one is good now.")
_LATE = _("The code had expired before anybody scanned it. This one is good now: scan it again.")
BY_NUMBER = "by_number"
"""In the page's address: a number is entered instead of a code that is renewed."""


class AccountForm(forms.ModelForm[TelegramAccount]):
    """One step of the sign-in; Telegram is asked while the form is checked, so it can answer."""

    phone = forms.CharField(
        label=_("phone number"), required=False, help_text=_("with the code of the country: +7…")
    )
    by_qr = forms.BooleanField(
        label=_("by a QR code"),
        required=False,
        help_text=_("instead of the number: scanned in Telegram under Settings, Devices"),
    )
    code = forms.CharField(
        label=_("code from Telegram"),
        required=False,
        help_text=_("it comes into the app of Telegram"),
    )
    password = forms.CharField(
        label=_("password of the two-step verification"), required=False,
        widget=forms.PasswordInput,
    )  # fmt: skip

    class Meta:
        model = TelegramAccount
        fields = ("tenant", "name")

    def clean(self) -> Any:
        values = super().clean() or {}
        if not self.errors:
            try:
                self._take_step(values)
            except DomainError as refusal:
                raise ValidationError(said(refusal)) from refusal
        return values

    def _take_step(self, values: dict[str, Any]) -> None:
        account = self.instance
        if account.pk and values.get("code"):
            sign_in.give_code(account, values["code"])
        elif account.pk and values.get("password"):
            sign_in.give_password(account, values["password"])
        elif values.get("phone"):
            tenant = values.get("tenant") or account.tenant
            name = values.get("name") or account.name
            self.instance = sign_in.begin(tenant, name, values["phone"])
        elif account.state == AccountState.QR:
            self._ask_whether_scanned()
        elif values.get("by_qr"):
            tenant = values.get("tenant") or account.tenant
            self.instance = sign_in.begin_qr(tenant, values.get("name") or account.name)

    def _ask_whether_scanned(self) -> None:
        shown = sign_in.qr_of(self.instance)
        was_late = shown is not None and shown[1] <= timezone.now()
        self.instance = sign_in.ask_qr(self.instance)
        if self.instance.state == AccountState.QR:
            raise ValidationError(_LATE if was_late else _EARLY)


@admin.register(TelegramAccount)
class TelegramAccountAdmin(BigTableAdmin[TelegramAccount]):
    """Add with a phone number, then enter the code, then the password where there is one."""

    when_empty = _("No account is signed in. Add one to read channels from Telegram.")
    form = AccountForm
    list_display = ("name", "tenant", "state", "rests_until", "rest_reason", "signed_in_at")
    list_filter = ("state", "tenant")
    list_select_related = ("tenant",)
    ordering = ("name", "pk")
    actions = ("forget_session",)

    def get_fields(self, request: HttpRequest, obj: TelegramAccount | None = None) -> Any:
        if obj is None:
            return ("tenant", "name", "phone", "by_qr")
        seen = ("tenant", "name", *_SEEN)
        if not self.has_change_permission(request, obj):
            return seen
        step = _STEP_FIELDS.get(AccountState(obj.state), ("phone", "by_qr"))
        may_enter = request.method == "POST" or BY_NUMBER in request.GET
        return (*seen, *step, *(("phone",) if "qr_code" in step and may_enter else ()))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Show a QR code that is good, and come back when it is not any more."""
        if request.method == "GET":
            self._renew_qr(request, object_id)
        answer = super().change_view(request, object_id, form_url, extra_context)
        account = self.get_object(request, object_id)
        if account and self.has_change_permission(request, account):
            _reload_with_code(request, answer, account)
        return answer

    def _renew_qr(self, request: HttpRequest, object_id: str) -> None:
        account = self.get_object(request, object_id)
        if account is None or not self.has_change_permission(request, account):
            return
        waited = account.state == AccountState.QR
        try:
            found = sign_in.renew_qr(account, now=timezone.now())
        except DomainError as refusal:
            messages.error(request, said(refusal))
        else:
            if waited and found.state == AccountState.READY:
                messages.success(request, _("The code was scanned: the account is signed in."))

    def get_readonly_fields(self, request: HttpRequest, obj: TelegramAccount | None = None) -> Any:
        return ("tenant", "name", "qr_code", *_SEEN) if obj else _SEEN

    @admin.display(description=_("QR code"))
    def qr_code(self, account: TelegramAccount) -> str:
        """Show the code, and what to do with it; only who may change the account gets here."""
        try:
            found = sign_in.qr_of(account)
        except encryption.SessionUnreadable as refusal:  # the key is another one: begin anew
            return said(refusal)
        if found is None:
            return ""
        url, until = found
        if until <= timezone.now():  # there was no other one: the message of the page says why
            return str(_("The code has expired. Save to get another one."))
        return format_html(
            '{}<p>{}</p><p><a href="?{}">{}</a></p>',
            qr_picture(url),
            _("Scan it until %(time)s in Telegram (Settings, Devices, Link Desktop Device), then save."
              " The page shows the next one by itself.")
            % {"time": f"{timezone.localtime(until):%H:%M:%S}"},
            BY_NUMBER,
            _("by the phone number instead"),
        )  # fmt: skip

    @admin.display(description=_("puts off"))
    def put_off(self, account: TelegramAccount) -> str:
        """What it may not ask for until when: joining channels, looking up names."""
        found = sorted(rests.methods_at_rest(account).items())
        return ", ".join(_PUT_OFF[name] % {"time": _local(until)} for name, until in found)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "tenant":
            kwargs["queryset"] = tenants_of(request.user, Action.ADMINISTER)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_delete_permission(
        self, request: HttpRequest, obj: TelegramAccount | None = None
    ) -> bool:
        return False  # channels are read through it: its session can be forgotten

    def has_forget_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("media.change_telegramaccount"))

    @admin.action(description=_("Forget the session"), permissions=["forget"])
    def forget_session(self, request: HttpRequest, queryset: QuerySet[TelegramAccount]) -> None:
        for account in queryset.select_related("tenant"):
            sign_in.sign_out(account)
        self.message_user(request, _("The sessions are forgotten here."), messages.SUCCESS)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Say what is lacking before anybody enters a phone number."""
        if request.method == "GET" and (lacking := _lacking()):
            messages.warning(request, lacking)
        return super().changelist_view(request, extra_context)

    def response_post_save_add(
        self, request: HttpRequest, obj: TelegramAccount
    ) -> HttpResponseRedirect:
        """Go on to the next step of the sign-in, where there is one."""
        return self._next_step(obj) or super().response_post_save_add(request, obj)

    def response_post_save_change(
        self, request: HttpRequest, obj: TelegramAccount
    ) -> HttpResponseRedirect:
        return self._next_step(obj) or super().response_post_save_change(request, obj)

    def _next_step(self, account: TelegramAccount) -> HttpResponseRedirect | None:
        if account.state not in _WAITING:
            return None
        return redirect(admin_urlname(self.opts, "change"), account.pk)  # type: ignore[arg-type]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Nothing: the step has saved the account."""
        if not obj.pk:
            obj.save()


def _reload_with_code(request: HttpRequest, answer: Any, account: TelegramAccount) -> None:
    """
    Have the browser ask again when the code expires.

    Not while a number is entered, which would be lost.
    """
    if account.state != AccountState.QR or BY_NUMBER in request.GET:
        return
    try:
        found = sign_in.qr_of(account)
    except DomainError:
        return  # the page says why there is no code
    left = (found[1] - timezone.now()).total_seconds() if found else 0
    if left > 0:
        answer["Refresh"] = f"{math.ceil(left)}; url={request.path}"


def _local(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S %Z}"


def _lacking() -> str:
    if not settings.TELEGRAM.configured:
        return said(telegram.NotConfigured())
    return "" if settings.TELEGRAM.session_keys else said(encryption.SessionKeyMissing())
