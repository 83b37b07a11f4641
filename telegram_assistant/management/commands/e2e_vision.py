import json
import sys
from typing import Any, Final
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _

from accounts import audit, tenants
from accounts.management.acting_command import ActingCommand
from accounts.models import Tenant
from accounts.tenants import TenantUnknown
from events.management.numbers import amount
from media.models import Post
from telegram_assistant.end_to_end import run
from telegram_assistant.end_to_end.run import Failure
from telegram_assistant.end_to_end.trial import Trial

RULE: Final = "=" * 70
API: Final = "http://127.0.0.1:8000"
SECONDS: Final = 90.0


class Command(ActingCommand):
    of_one_tenant = True
    help = (
        "Send a picture the whole way: bucket, event, worker, database, API. With GigaChat it costs"
        " one analysis. Exit codes: 0 all seven steps went well; 1 one failed, which is named."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--post-id", type=_uuid, metavar="UUID", help="a post of the archive (default: its own)"
        )
        parser.add_argument("--tenant-id", metavar="ID_OR_NAME", help="default: the default tenant")
        parser.add_argument(
            "--seconds", type=amount, default=SECONDS, help="wait for the worker at most (90)"
        )
        parser.add_argument("--api-url", default=API, help=f"address of the web server ({API})")
        parser.add_argument(
            "--no-web",
            action="store_true",
            help="ask the API in this process, without a web server",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        trial = self._trial(options)
        title = _("🧪 E2E TEST OF THE VISION + S3 PIPELINE")
        trial.say(f"{RULE}\n{title}\n{RULE}\n")
        trial.say(_("📋 Parameters of the test:"))
        trial.say(f"  Post ID: {trial.id_of_post}")
        trial.say(f"  Trace ID: {trial.trace_id}")
        audit.record("trial.started", tenant=trial.tenant, after={"trace_id": trial.trace_id})
        failure = run.run(trial)
        trial.say("")
        trial.say(_verdict(failure))
        if options["json"]:
            self.stdout.write(json.dumps(_report(trial, failure), ensure_ascii=False))
        if failure:
            sys.exit(1)

    def _trial(self, options: dict[str, Any]) -> Trial:
        try:
            tenant = _tenant(options)
        except TenantUnknown as refusal:
            raise CommandError(str(refusal)) from refusal
        except (OperationalError, InterfaceError) as error:
            raise CommandError(f"PostgreSQL does not answer: {str(error).strip()}") from error
        return Trial(
            tenant=tenant,
            post_id=options["post_id"],
            seconds=options["seconds"],
            api_url="" if options["no_web"] else options["api_url"],
            say=(self.stderr if options["json"] else self.stdout).write,
        )


def _uuid(text: str) -> UUID:
    return UUID(text)


def _tenant(options: dict[str, Any]) -> Tenant:
    """The tenant that is named, or else that of the post, or else the default one."""
    post = Post.objects.select_related("tenant").filter(pk=options["post_id"]).first()
    if post is not None and not options["tenant_id"]:
        return post.tenant
    return tenants.find_tenant(options["tenant_id"])


def _verdict(failure: Failure | None) -> str:
    if failure is None:
        return _("✅ E2E TEST FINISHED")
    lines = [
        f"  ❌ {failure.reason}",
        f"  → {failure.remedy}",
        "",
        _("❌ E2E TEST FAILED: step %(number)d (%(name)s)")
        % {"number": failure.number, "name": failure.step.name},
    ]
    return "\n".join(lines)


def _report(trial: Trial, failure: Failure | None) -> dict[str, Any]:
    report: dict[str, Any] = {
        "passed": failure is None,
        "post_id": str(trial.id_of_post),
        "trace_id": trial.trace_id,
        **{name: str(value) for name, value in trial.facts.items()},
    }
    if failure:
        report |= {
            "failed_step": failure.number,
            "step": failure.step.name,
            "reason": failure.reason,
            "remedy": failure.remedy,
        }
    return report
