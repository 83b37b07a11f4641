"""`diag_vision budget`: tokens of a tenant, and what still waits for them."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.tenants import TenantUnknown, find_tenant
from vision import selectors
from vision.limits import budget
from vision.policy.schema import PolicyRefused
from vision.selectors import BudgetReport
from vision.services import retry_backlog

_STATES = {
    "not_configured": "not configured, pictures are read with OCR",
    "closed": "is asked",
    "open": "is left alone after failures",
    "half_open": "is being tried again",
    "paused": "is left alone for now",
}
HELP = "tokens used, reserved and left, pictures that wait, days and roubles they need"


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--tenant-id", help="name or id (default: the default tenant)")
    parser.add_argument(
        "--reset",
        action="store_true",
        help="forgive what was used this month, and ask for waiting pictures at once",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def handle(command: BaseCommand, **options: Any) -> None:
    now = timezone.now()
    try:
        tenant = find_tenant(options["tenant_id"])
        if options["reset"]:
            forgiven = budget.reset(tenant=tenant, now=now)
            asked = retry_backlog.ask_due(now=now)
            command.stderr.write(f"{forgiven} tokens forgiven, {asked} posts asked for again.")
        report = selectors.budget_report(tenant, now=now)
    except (TenantUnknown, PolicyRefused) as refusal:
        raise CommandError(str(refusal)) from refusal
    if options["json"]:
        command.stdout.write(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        command.stdout.write("\n".join(_lines(report)))


def _lines(report: BudgetReport) -> list[str]:
    rows = [
        ("Tenant", f"{report.tenant} ({report.tenant_id})"),
        ("Day (UTC)", report.day),
        ("Used today", _used(report)),
        ("Reserved", _number(report.reserved)),
        ("Daily limit", f"{_number(report.limit)}, left {_number(report.left)}"),
        ("Used this month", f"{_number(report.month_used)} ({report.month_cost:.2f} ₽)"),
        ("Monthly limit", f"{_number(report.month_limit)}, left {_number(report.month_left)}"),
        ("Calls today", _number(report.calls)),
        (
            "Tokens a picture",
            f"{report.estimate_mean:.0f} on average, {report.estimate_most} reserved",
        ),
        ("Provider", f"{report.provider} ({report.model}): {_STATES[report.provider_state]}"),
        ("Pictures waiting", _waiting(report)),
        ("Tokens they need", f"{_number(report.tokens_expected)} ({report.cost_expected:.2f} ₽)"),
        ("Days they need", "never within the limit" if report.days_needed is None
         else str(report.days_needed)),
    ]  # fmt: skip
    width = max(len(name) for name, _ in rows) + 2
    return [f"{name:<{width}}{value}" for name, value in rows]


def _used(report: BudgetReport) -> str:
    notes = []
    if report.of_these_assumed:
        notes.append(f"{_number(report.of_these_assumed)} assumed for lost calls")
    if report.forgiven:
        notes.append(f"{_number(report.forgiven)} forgiven")
    return _number(report.used) + (f" ({', '.join(notes)})" if notes else "")


def _waiting(report: BudgetReport) -> str:
    parts = ", ".join(f"{reason} {count}" for reason, count in report.waiting_by_reason.items())
    return f"{report.waiting}" + (f" ({parts})" if parts else "")


def _number(value: int | None) -> str:
    return "none" if value is None else f"{value:,}".replace(",", " ")
