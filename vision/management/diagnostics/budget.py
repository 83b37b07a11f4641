"""`diag_vision budget`: the tokens of a tenant and the backlog that waits for them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import acting
from accounts.access import Action
from accounts.tenants import find_tenant
from events.management.tables import facts, grouped
from vision import selectors
from vision.limits import budget
from vision.management.diagnostics import json_output
from vision.policy.schema import PolicyRefused
from vision.selectors import BudgetReport
from vision.services import retry_backlog

_STATES = {
    "not_configured": "not configured, text recognition only",
    "closed": "in use",
    "open": "stopped after failures",
    "half_open": "one call is tried",
    "paused": "paused",
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
            command.stderr.write(f"{reset} tokens reset, {asked} posts requested again.")
        report = selectors.budget_report(tenant, now=now)
    except PolicyRefused as refusal:
        raise CommandError(str(refusal)) from refusal
    if options["json"]:
        command.stdout.write(json_output.one_line(report.as_dict()))
    else:
        command.stdout.write("\n".join(_lines(report)))


def _lines(report: BudgetReport) -> list[str]:
    rows = {
        "Tenant": f"{report.tenant} ({report.tenant_id})",
        "Day (UTC)": report.day,
        "Used today": _used(report),
        "Reserved": _number(report.reserved),
        "Daily limit": f"{_number(report.limit)}, left {_number(report.left)}",
        "Used this month": f"{_number(report.month_used)} ({report.month_cost:.2f} ₽)",
        "Monthly limit": f"{_number(report.month_limit)}, left {_number(report.month_left)}",
        "Calls today": _number(report.calls),
        "Tokens per picture": _tokens_per_picture(report),
        "Above the ceiling": _overrun(report),
        "Price": f"{report.price} ₽ per 1 000 tokens" + _since(report.price_date),
        "Provider": f"{report.provider} ({report.model}): {_STATES[report.provider_state]}",
        "Pictures waiting": _waiting(report),
        "Tokens they need": f"{_number(report.tokens_expected)} ({report.cost_expected:.2f} ₽)",
        "Days they need": _days(report),
    }
    return [*facts(rows)]


def _tokens_per_picture(report: BudgetReport) -> str:
    mean, ceiling, seen = report.estimate_mean, report.estimate_most, report.most_seen
    return f"{mean:.0f} on average, {_number(ceiling)} reserved, {_number(seen)} at most so far"


def _overrun(report: BudgetReport) -> str:
    if not report.overrun_calls:
        return "0 calls: no more is used than the limit"
    tokens = _number(report.overrun_tokens)
    return f"{report.overrun_calls} calls, by {tokens} tokens: so much above the limit is possible"


def _since(day: str) -> str:
    return f", as of {day}" if day else ""


def _days(report: BudgetReport) -> str:
    if report.days_needed is None:
        return "never within the limits"
    old = report.waiting_backfill
    return str(report.days_needed) + (f" ({_number(old)} are of older posts)" if old else "")


def _used(report: BudgetReport) -> str:
    notes = []
    if report.of_these_assumed:
        notes.append(f"{_number(report.of_these_assumed)} assumed for calls without an answer")
    if report.forgiven:
        notes.append(f"{_number(report.forgiven)} reset")
    return _number(report.used) + (f" ({', '.join(notes)})" if notes else "")


def _waiting(report: BudgetReport) -> str:
    parts = ", ".join(f"{reason} {count}" for reason, count in report.waiting_by_reason.items())
    return f"{report.waiting}" + (f" ({parts})" if parts else "")


def _number(value: int | None) -> str:
    return "none" if value is None else grouped(value)
