"""`diag_vision budget`: the tokens of a tenant and the backlog that waits for them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import acting
from accounts.access import Action
from accounts.tenants import find_tenant
from events.management.tables import facts, grouped
from vision import selectors
from vision.limits import budget
from vision.management.diagnostics import json_output
from vision.policy.schema import PolicyRefused
from vision.reasons import explain
from vision.selectors import BudgetReport
from vision.services import retry_backlog

_STATES = {
    "not_configured": gettext_lazy("not configured, text recognition only"),
    "closed": gettext_lazy("in use"),
    "open": gettext_lazy("stopped after failures"),
    "half_open": gettext_lazy("one call is tried"),
    "paused": gettext_lazy("paused for now"),
}
HELP = "tokens used, reserved and left; the backlog, and the days and roubles it needs"


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--tenant-id", help="name or id (default: the default tenant)")
    parser.add_argument(
        "--reset",
        action="store_true",
        help="reset this month's usage, and request the analysis of the backlog at once",
    )
    json_output.add_json_option(parser)


def handle(command: BaseCommand, **options: Any) -> None:
    now = timezone.now()
    try:
        tenant = find_tenant(options["tenant_id"])
        if options["reset"]:
            acting.require(tenant, Action.OPERATE)
            reset = budget.reset(tenant=tenant, now=now)
            asked = retry_backlog.retry_due(now=now)
            text = _("%(tokens)s tokens reset, %(posts)s posts requested again.")
            command.stderr.write(text % {"tokens": grouped(reset), "posts": asked})
        report = selectors.budget_report(tenant, now=now)
    except PolicyRefused as refusal:
        raise CommandError(str(refusal)) from refusal
    if options["json"]:
        command.stdout.write(json_output.one_line(report.as_dict()))
    else:
        command.stdout.write("\n".join(_lines(report)))


def _lines(report: BudgetReport) -> list[str]:
    rows = {
        _("Tenant"): f"{report.tenant} ({report.tenant_id})",
        _("Day (UTC)"): report.day,
        _("Used today"): _used(report),
        _("Reserved"): _number(report.reserved),
        _("Daily limit"): _limit(report.limit, report.left),
        _("Used this month"): f"{_number(report.month_used)} ({report.month_cost:.2f} ₽)",
        _("Monthly limit"): _limit(report.month_limit, report.month_left),
        _("Calls today"): _number(report.calls),
        _("Tokens per picture"): _tokens_per_picture(report),
        _("Above the ceiling"): _overrun(report),
        _("Price"): _("%s ₽ per 1 000 tokens") % report.price + _since(report.price_date),
        _("Provider"): f"{report.provider} ({report.model}): {_STATES[report.provider_state]}",
        _("Pictures waiting"): _waiting(report),
        _("Tokens they need"): f"{_number(report.tokens_expected)} ({report.cost_expected:.2f} ₽)",
        _("Days they need"): _days(report),
    }
    return [*facts(rows)]


def _tokens_per_picture(report: BudgetReport) -> str:
    mean, ceiling, seen = report.estimate_mean, report.estimate_most, report.most_seen
    return _("%(mean)s on average, %(ceiling)s reserved, %(seen)s at most so far") % {
        "mean": grouped(round(mean)),
        "ceiling": _number(ceiling),
        "seen": _number(seen),
    }


def _limit(most: int | None, left: int | None) -> str:
    if most is None:
        return _("none")
    return _("%(most)s, left %(left)s") % {"most": _number(most), "left": _number(left)}


def _overrun(report: BudgetReport) -> str:
    if not report.overrun_calls:
        return _("0 calls: no more is used than the limit")
    text = ngettext(
        "%(count)d call, by %(tokens)s tokens: so much above the limit is possible",
        "%(count)d calls, by %(tokens)s tokens: so much above the limit is possible",
        report.overrun_calls,
    )
    return text % {"count": report.overrun_calls, "tokens": _number(report.overrun_tokens)}


def _since(day: str) -> str:
    return _(", as of %s") % day if day else ""


def _days(report: BudgetReport) -> str:
    if report.days_needed is None:
        return _("never within the limits")
    old = report.waiting_backfill
    return str(report.days_needed) + (_(" (%s are of older posts)") % _number(old) if old else "")


def _used(report: BudgetReport) -> str:
    notes = []
    if report.of_these_assumed:
        text = _("%s assumed for calls without an answer")
        notes.append(text % _number(report.of_these_assumed))
    if report.forgiven:
        notes.append(_("%s reset") % _number(report.forgiven))
    return _number(report.used) + (f" ({', '.join(notes)})" if notes else "")


def _waiting(report: BudgetReport) -> str:
    parts = "; ".join(f"{explain(code)}: {n}" for code, n in report.waiting_by_reason.items())
    return f"{report.waiting}" + (f" ({parts})" if parts else "")


def _number(value: int | None) -> str:
    return _("none") if value is None else grouped(value)
