"""Console pages of checks, of the differences they found, and of orphans."""

from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import audit
from events.console import ReadOnlyAdmin, internal_link, list_of, page_of, said, short_time
from events.errors import DomainError, RetryLater
from storage_quota.admin.ledger import file_name
from storage_quota.integrity.orphans import adoption
from storage_quota.models import IntegrityCheck, IntegrityFinding, Orphan
from storage_quota.models.integrity import CheckState
from storage_quota.object_store import get_store

_MARKS = {CheckState.OPEN: "leased", CheckState.DONE: "done", CheckState.FAILED: "dead"}


@admin.register(IntegrityCheck)
class IntegrityCheckAdmin(ReadOnlyAdmin[IntegrityCheck]):
    when_empty = _(
        "The storage was not checked yet. It is checked every week, or by manage.py verify_storage."
    )
    list_display = (
        "started_at",
        "state_mark",
        "findings_link",
        "entries",
        "objects_listed",
        "objects_read",
        "finished_at",
        "reason",
    )
    list_filter = ("state",)
    ordering = ("-started_at", "-id")
    fields = (
        "state_mark",
        "reason",
        "findings_link",
        "started_at",
        "worked_at",
        "finished_at",
        "duration",
        "cursor",
        "sample",
        "entries",
        "objects_listed",
        "objects_read",
        "read",
        "too_young",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[IntegrityCheck]:
        checks = super().get_queryset(request)
        return checks.annotate(
            findings_count=Count("findings"),
            open_count=Count("findings", filter=Q(findings__outcome="")),
        )

    @admin.display(description=_("state"), ordering="state")
    def state_mark(self, check: IntegrityCheck) -> SafeString:
        mark = _MARKS[CheckState(check.state)]
        return format_html(
            '<span class="console-mark console-{}">{}</span>', mark, check.get_state_display()
        )

    @admin.display(description=_("differences"))
    def findings_link(self, check: IntegrityCheck) -> SafeString | str:
        counted = cast("Any", check)
        if not counted.findings_count:
            return "0"
        address = list_of(IntegrityFinding, urlencode({"check_run__id__exact": check.pk}))
        words = _("%(count)d, not repaired: %(open)d") % {
            "count": counted.findings_count,
            "open": counted.open_count,
        }
        return internal_link(address, words)

    def heading(self, check: IntegrityCheck) -> str:
        return short_time(check.started_at)

    @admin.display(description=_("sample, %"), ordering="sample_percent")
    def sample(self, check: IntegrityCheck) -> str:
        return number_format(round(check.sample_percent, 2))

    @admin.display(description=_("duration, s"), ordering="seconds")
    def duration(self, check: IntegrityCheck) -> str:
        return number_format(check.seconds, 1)

    @admin.display(description=_("bytes read"), ordering="bytes_read")
    def read(self, check: IntegrityCheck) -> str:
        return filesizeformat(check.bytes_read)


class RepairedFilter(admin.SimpleListFilter):
    title = _("outcome")
    parameter_name = "repaired"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("0", _("not repaired")), ("1", _("repaired"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        rules = {"0": Q(outcome=""), "1": ~Q(outcome="")}
        return queryset.filter(rules.get(self.value() or "", Q()))


@admin.register(IntegrityFinding)
class IntegrityFindingAdmin(ReadOnlyAdmin[IntegrityFinding]):
    when_empty = _("No difference between the ledger and the bucket is known.")
    list_display = ("kind", "key", "expected", "found", "outcome", "check_link")
    list_filter = ("kind", RepairedFilter)
    list_select_related = ("check_run",)
    search_fields = ("key__contains",)
    search_help_text = _("A part of the key, such as a SHA-256")
    ordering = ("-id",)
    fields = (
        "check_link",
        "kind",
        "key",
        "expected",
        "found",
        "found_at",
        "outcome",
        "resolved_at",
    )

    def heading(self, finding: IntegrityFinding) -> str:
        return f"{finding.get_kind_display()}: {file_name(finding.key)}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[IntegrityFinding]:
        return super().get_queryset(request).select_related("check_run")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "check_run__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description=_("check"), ordering="check_run_id")
    def check_link(self, finding: IntegrityFinding) -> SafeString:
        address = page_of(IntegrityCheck, finding.check_run_id)
        return internal_link(address, short_time(finding.check_run.started_at))


@admin.register(Orphan)
class OrphanAdmin(ReadOnlyAdmin[Orphan]):
    when_empty = _("No object outside of the ledger is known.")
    list_display = (
        "key",
        "size",
        "modified_at",
        "found_at",
        "delete_after",
        "foreign",
        "accepted",
    )
    list_filter = ("foreign", "accepted", ("delete_after", admin.EmptyFieldListFilter))
    search_fields = ("key__contains",)
    search_help_text = _("A part of the key, such as a SHA-256")
    ordering = ("key",)
    fields = (
        "key",
        "size",
        "modified_at",
        "found_at",
        "seen_at",
        "delete_after",
        "foreign",
        "accepted",
    )
    actions = ("adopt", "accept")

    def heading(self, orphan: Orphan) -> str:
        return file_name(orphan.key)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Whether the user may adopt or accept orphans; everything else here is read-only."""
        return bool(request.user.has_perm("storage_quota.change_orphan"))

    @admin.display(description=_("size"), ordering="size_bytes")
    def size(self, orphan: Orphan) -> str:
        return filesizeformat(orphan.size_bytes)

    @admin.action(description=_("Add to the ledger"), permissions=["decide"])
    def adopt(self, request: HttpRequest, queryset: QuerySet[Orphan]) -> None:
        adopted = 0
        for key in list(queryset.values_list("key", flat=True)):
            try:
                adoption.adopt(get_store(), key, now=timezone.now())
                adopted += 1
            except (DomainError, RetryLater) as refusal:
                self.message_user(request, said(refusal), messages.ERROR)
        words = ngettext(
            "%(count)d object was added to the ledger.",
            "%(count)d objects were added to the ledger.",
            adopted,
        )
        self.message_user(request, words % {"count": adopted})

    @admin.action(description=_("Accept: keep it and stop reporting it"), permissions=["decide"])
    def accept(self, request: HttpRequest, queryset: QuerySet[Orphan]) -> None:
        """Mark orphans as accepted: they still count, but are not reported or deleted any more."""
        with transaction.atomic():
            keys = list(queryset.values_list("key", flat=True))
            accepted = queryset.update(accepted=True, delete_after=None)
            audit.record("orphans.accepted", after={"objects": accepted, "keys": keys})
        words = ngettext(
            "%(count)d object is accepted.", "%(count)d objects are accepted.", accepted
        )
        self.message_user(request, words % {"count": accepted})
