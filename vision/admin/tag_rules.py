"""The console's pages of rules for tags: a form with a preview, and how far one is applied."""

import json
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import access
from accounts.access import Action
from accounts.models import Tenant
from events.console import EMPTY, ReadOnlyAdmin, excerpt, said, short_time
from events.errors import DomainError
from media.models import Channel
from vision.models import TagRule
from vision.models.tag import NAME_MAX_LENGTH
from vision.tagging.rules import rule_jobs, rules

SHOWN: Final = 5
"""Posts of a preview."""


class RuleForm(forms.ModelForm[TagRule]):
    """Make a rule: the first time the form is sent it shows what would be tagged, then it is made."""

    name = forms.CharField(label=_("tag"), max_length=NAME_MAX_LENGTH)
    apply = forms.BooleanField(
        label=_("apply"), required=False, help_text=_("to the posts that are there, too")
    )
    confirmed = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = TagRule
        fields = ("tenant", "channel", "word", "label")

    def clean(self) -> Any:
        values = super().clean() or {}
        if not self.errors:
            try:
                self._preview_or_make(values)
            except DomainError as refusal:
                raise ValidationError(said(refusal)) from refusal
        return values

    def _preview_or_make(self, values: dict[str, Any]) -> None:
        tenant, name = values["tenant"], values["name"]
        asked: dict[str, Any] = {key: values[key] for key in ("channel", "word", "label")}
        wanted = json.dumps([str(tenant.pk), name, *map(str, asked.values())])
        if values.get("confirmed") == wanted:
            self.instance = rules.make(tenant, name, **asked)
            return
        seen = rules.preview(rules.draft(tenant, name, **asked))
        data = QueryDict(mutable=True)
        data.update({**dict(self.data.items()), "confirmed": wanted})
        self.data = data
        raise ValidationError(_told(seen))

    def _post_clean(self) -> None:
        """Nothing: the rule is made by `rules.make`, which checks it."""


def _told(seen: rules.Preview) -> list[str]:
    text = _(
        "%(count)d posts match, of which %(lacking)d do not have the tag. Save again to make the rule."
    )
    told = [str(text % {"count": seen.count, "lacking": seen.lacking})]
    shown = seen.newest[:SHOWN]
    return told + [
        f"{one.channel} #{one.telegram_message_id}: {excerpt(one.content)}" for one in shown
    ]


@admin.register(TagRule)
class TagRuleAdmin(ReadOnlyAdmin[TagRule]):
    """The rules; the page of one shows what it would do to posts that are there already."""

    when_empty = _(
        "No rules yet. A rule gives its tag to posts of a channel, with a word, or with a label of a picture."
    )
    list_display = ("tag_name", "channel", "word", "label", "progress", "tenant")
    list_display_links = ("tag_name",)
    list_filter = ("tenant",)
    list_select_related = ("tag", "channel", "tenant")
    ordering = ("created_at", "id")
    actions = ("apply_rules", "forget_rules")
    fields = readonly_fields = (
        "tag", "channel", "word", "label", "matches", "progress", "applied", "made", "tenant",
    )  # fmt: skip

    def get_form(self, request: HttpRequest, obj: Any = None, *rest: Any, **more: Any) -> Any:
        if obj is None:
            more["form"] = RuleForm
        return super().get_form(request, obj, *rest, **more)

    def get_fields(self, request: HttpRequest, obj: TagRule | None = None) -> Any:
        added = ("tenant", "name", "channel", "word", "label", "apply", "confirmed")
        return self.fields if obj else added

    def get_readonly_fields(self, request: HttpRequest, obj: TagRule | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer tenants and channels for which the user may make rules."""
        rows = Tenant.objects.all() if db_field.name == "tenant" else Channel.objects.all()
        kwargs["queryset"] = access.visible(rows, request.user, Action.OPERATE)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Apply the rule, if that is wished for: the form has made it."""
        if form.cleaned_data.get("apply"):
            self._apply(request, [form.instance])

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("vision.add_tagrule"))

    def has_apply_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("vision.change_tagrule"))

    @admin.action(description=_("Apply to the posts that are there"), permissions=["apply"])
    def apply_rules(self, request: HttpRequest, queryset: QuerySet[TagRule]) -> None:
        self._apply(request, list(queryset.select_related("tag")))

    @admin.action(description=_("Delete the rules"), permissions=["apply"])
    def forget_rules(self, request: HttpRequest, queryset: QuerySet[TagRule]) -> None:
        chosen = list(queryset.select_related("tag"))
        for rule in chosen:
            rules.forget(rule)
        text = ngettext("%(count)d rule is deleted.", "%(count)d rules are deleted.", len(chosen))
        self.message_user(request, text % {"count": len(chosen)}, messages.SUCCESS)

    def _apply(self, request: HttpRequest, chosen: list[TagRule]) -> None:
        done = [rule_jobs.apply_or_want(rule, now=timezone.now()) for rule in chosen]
        count, waiting = sum(one or 0 for one in done), done.count(None)
        if waiting:
            text = ngettext(
                "%(count)d rule is applied in the background; the list shows how far.",
                "%(count)d rules are applied in the background; the list shows how far.",
                waiting,
            )
            self.message_user(request, text % {"count": waiting}, messages.SUCCESS)
        if count or not waiting:
            text = ngettext("%(count)d post got a tag.", "%(count)d posts got a tag.", count)
            level = messages.SUCCESS if count else messages.WARNING
            self.message_user(request, text % {"count": count}, level)

    def heading(self, rule: TagRule) -> str:
        return rule.tag.name

    @admin.display(description=_("tag"), ordering="tag__name")
    def tag_name(self, rule: TagRule) -> str:
        return rule.tag.name

    @admin.display(description=_("posts that match"))
    def matches(self, rule: TagRule) -> str:
        seen = rules.preview(rule)
        text = _("%(count)d, of which %(lacking)d do not have the tag")
        return str(text % {"count": seen.count, "lacking": seen.lacking})

    @admin.display(description=_("being applied"))
    def progress(self, rule: TagRule) -> str:
        """How many posts got the tag so far, and of how many, while the rule is being applied."""
        if rule.apply_wanted_at is None:
            return EMPTY
        most = rule.applied_posts + rules.count_lacking(rule)
        return str(_("%(done)d of %(all)d posts") % {"done": rule.applied_posts, "all": most})

    @admin.display(description=_("applied at"))
    def applied(self, rule: TagRule) -> str:
        return short_time(rule.applied_at)

    @admin.display(description=_("created at"))
    def made(self, rule: TagRule) -> str:
        return short_time(rule.created_at)
