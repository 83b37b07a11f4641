import json
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts.management.acting_command import ActingCommand
from accounts.models import Tenant
from accounts.tenants import find_tenant
from crawl.models import CrawledPage, PageState
from crawl.policy import address_of, host_is_open, host_of
from crawl.services import ask, catch_up
from crawl.settings import rules
from events.errors import DomainError
from events.management.moments import moment
from events.management.numbers import count
from events.management.tables import facts
from vision.reanalysis.channels import find_channels


class Command(ActingCommand):
    of_one_tenant = True
    help = "Ask for pages: of these addresses, those that failed, or those that posts link to."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", nargs="*", metavar="URL")
        parser.add_argument("--retry", action="store_true", help="every page that failed or waits")
        parser.add_argument(
            "--follow", action="store_true", help="what posts link to, as the rules say now"
        )
        parser.add_argument("--since", type=moment, metavar="DATE", help="posted then or later")
        parser.add_argument("--until", type=moment, metavar="DATE", help="posted before")
        parser.add_argument("--channel", action="append", help="title, @username or id; repeatable")
        parser.add_argument("--limit", type=count(), help="at most so many posts, the newest first")
        parser.add_argument("--tenant", help="name or id (default: the default tenant)")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be asked")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        ways = (bool(options["url"]), options["retry"], options["follow"])
        if sum(ways) != 1:
            raise CommandError(_("Give addresses, --retry or --follow"))
        way = (self._ask, self._retry, self._follow)[ways.index(True)]
        try:
            report = way(find_tenant(options["tenant"]), options)
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

    @staticmethod
    def _follow(tenant: Tenant, options: dict[str, Any]) -> dict[str, Any]:
        found = [find_channels(text, tenant_id=tenant.pk) for text in options["channel"] or ()]
        channels = [channel.pk for some in found for channel in some]
        chosen = catch_up.Choice(
            tenant, channels, options["since"], options["until"], options["limit"]
        )
        with tqdm(desc="posts", unit="", file=sys.stderr, disable=None) as bar:
            plan = (
                catch_up.preview(chosen, progress=bar.update)
                if options["dry_run"]
                else catch_up.run(chosen, now=timezone.now(), progress=bar.update)
            )
        return {"dry_run": options["dry_run"], **plan.as_dict()}

    def _say(self, report: dict[str, Any], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
            return
        addresses = {page["url"]: page["host_is_open"] for page in report.get("pages", ())}
        shown: dict[str, Any] = {}
        for name, value in report.items():
            if name == "pages":
                continue
            shown |= (
                {f"  {one}": n for one, n in value.items()}
                if isinstance(value, dict)
                else {name: value}
            )
        self.stdout.write("\n".join(facts(addresses | shown)))
