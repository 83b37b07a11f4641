import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.management.acting_command import ActingCommand
from accounts.models import Tenant
from accounts.tenants import find_tenant
from crawl.models import CrawledPage, PageState
from crawl.policy import address_of, host_is_open, host_of
from crawl.services import ask
from crawl.settings import rules
from events.errors import DomainError
from events.management.tables import facts


class Command(ActingCommand):
    of_one_tenant = True
    help = "Ask for pages: of these addresses, or those that failed. Workers fetch them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", nargs="*", metavar="URL")
        parser.add_argument("--retry", action="store_true", help="every page that failed or waits")
        parser.add_argument("--tenant", help="name or id (default: the default tenant)")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be asked")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["url"]) == options["retry"]:
            raise CommandError(_("Give addresses, or --retry"))
        try:
            tenant = find_tenant(options["tenant"])
            report = (
                self._retry(tenant, options) if options["retry"] else self._ask(tenant, options)
            )
        except DomainError as refusal:
            self.say_failed({"error": refusal.code, "detail": str(refusal)}, options)
            raise CommandError(str(refusal)) from refusal
        self._say(report, options)

    def _ask(self, tenant: Tenant, options: dict[str, Any]) -> dict[str, Any]:
        pages = [self._described(url) for url in options["url"]]
        asked = 0
        if not options["dry_run"]:
            now = timezone.now()
            rows = [ask.page_of(url, tenant=tenant, now=now) for url in options["url"]]
            asked = ask.again({row.pk for row in rows}, now=now)
        return {"asked": asked, "dry_run": options["dry_run"], "pages": pages}

    @staticmethod
    def _described(text: str) -> dict[str, Any]:
        url = address_of(text)
        if not url or not host_of(url):
            raise ask.NoAddress(f"{text[:200]!r} is no address of a page")
        return {"url": url, "host_is_open": host_is_open(url, rules())}

    @staticmethod
    def _retry(tenant: Tenant, options: dict[str, Any]) -> dict[str, Any]:
        wanted = (PageState.FAILED, PageState.WAITING)
        pages = CrawledPage.objects.filter(tenant=tenant, state__in=wanted)
        ids = list(pages.values_list("pk", flat=True))
        asked = 0 if options["dry_run"] else ask.again(ids, now=timezone.now())
        return {"asked": asked, "dry_run": options["dry_run"], "found": len(ids)}

    def _say(self, report: dict[str, Any], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
            return
        shown = {name: value for name, value in report.items() if name != "pages"}
        addresses = {page["url"]: page["host_is_open"] for page in report.get("pages", ())}
        self.stdout.write("\n".join(facts(addresses | shown)))
