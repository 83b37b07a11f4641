import json
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts import acting
from accounts.access import Action, may
from accounts.management.acting_command import ActingCommand
from accounts.models import Tenant
from accounts.tenants import find_tenant
from events.errors import DomainError
from search.ask.answer import Answer, ask
from search.ask.words import outcome


class Command(ActingCommand):
    of_one_tenant = True
    needs = Action.VIEW
    help = "Answer a question out of the archive, with citations."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("question", nargs="+", help="in any words")
        parser.add_argument("--tenant", help="name or id (default: all)")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        tenants = _tenants(options["tenant"])
        answer = ask(" ".join(options["question"]), tenants, may_spend=_may_spend)
        if options["json"]:
            self.stdout.write(json.dumps(_report(answer), ensure_ascii=False))
        else:
            self._print(answer)

    def _print(self, answer: Answer) -> None:
        for reason in answer.degraded:
            self.stderr.write(reason)
        if said := answer.text or outcome(answer):
            self.stdout.write(said)
        cited = {number for one in answer.sentences for number in one.citations}
        for one in answer.passages:
            if not cited or one.number in cited:
                where = one.url or str(one.post_id)
                day = timezone.localdate(one.posted_at)
                self.stdout.write(f"[{one.number}] {day} {one.channel} {where}")
                self.stdout.write(f"    {' '.join(one.text.split())[:200]}")


def _may_spend(tenant_id: UUID) -> bool:
    user = acting.acting_user()
    return user is None or may(user, Action.OPERATE, tenant_id)


def _tenants(name: str | None) -> tuple[UUID, ...]:
    """The tenant that is named, or all that may be seen."""
    try:
        if name:
            return (find_tenant(name).pk,)
    except DomainError as refusal:
        raise CommandError(str(refusal)) from refusal
    return tuple(acting.seen(Tenant.objects.all()).values_list("pk", flat=True))


def _report(answer: Answer) -> dict[str, Any]:
    return {
        "status": answer.status.value,
        "answer": answer.text,
        "sentences": [
            {"text": one.text, "citations": list(one.citations)} for one in answer.sentences
        ],
        "reason": answer.reason.value if answer.reason else None,
        "detail": answer.detail,
        "message": outcome(answer),
        "dropped": answer.dropped,
        "tokens": answer.tokens,
        "degraded": list(answer.degraded),
        "passages": [
            {
                "number": one.number,
                "post_id": str(one.post_id),
                "channel": one.channel,
                "url": one.url,
                "posted_at": one.posted_at.isoformat(),
                "text": one.text,
            }
            for one in answer.passages
        ],
    }
