import json
from argparse import ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from accounts import acting
from accounts.access import Action
from accounts.management.acting_command import ActingCommand
from accounts.models import Tenant
from accounts.tenants import find_tenant
from events.errors import DomainError
from events.management.json_command import CANNOT_WORK
from events.management.numbers import count
from media.history import shown
from media.history.counts.growth import MOST_POSTS, Day, Grown, fastest_growing
from media.history.counts.readings import METRICS


class Command(ActingCommand):
    of_one_tenant = True
    needs = Action.VIEW
    help = "List the posts whose views, forwards, replies or reactions grew most on a day."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--day", type=_day, metavar="DATE", help="2026-11-21 (default: today)")
        parser.add_argument("--by", choices=METRICS, default="views", help="default: views")
        parser.add_argument(
            "--limit", type=count(MOST_POSTS), default=10, help="at most so many posts"
        )
        parser.add_argument("--tenant", metavar="NAME_OR_ID", help="default: all")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        day = options["day"] or timezone.localdate()
        found = fastest_growing(
            Day.of(day, timezone.get_current_timezone()),
            self._tenants(options),
            metric=options["by"],
            most=options["limit"],
        )
        if options["json"]:
            report = {"day": day, "by": options["by"], "results": [shown.grown(g) for g in found]}
            self.stdout.write(json.dumps(report, ensure_ascii=False, default=_as_json))
            return
        for one in found:
            self.stdout.write(_line(one))
        if not found:
            self.stdout.write(
                _("No post is known to have grown by %s on that day.") % options["by"]
            )

    def _tenants(self, options: dict[str, Any]) -> Any:
        tenants = acting.seen(Tenant.objects.all())
        if not options["tenant"]:
            return tenants
        try:
            return tenants.filter(pk=find_tenant(options["tenant"]).pk)
        except DomainError as refusal:
            self.say_failed({"error": refusal.code, "detail": str(refusal)}, options)
            raise CommandError(str(refusal), returncode=CANNOT_WORK) from refusal


def _line(one: Grown) -> str:
    post = one.post
    address = post.telegram_post_url or f"#{post.telegram_message_id}"
    return f"+{one.growth:<8} {one.value:<8} {post.channel} {address}"


def _day(text: str) -> date:
    try:
        found = parse_date(text)
    except ValueError:
        found = None
    if found is None or found.year >= date.max.year:
        raise ArgumentTypeError(_("%r is no date; write it like 2026-11-21") % text)
    return found


def _as_json(value: Any) -> str:
    return str(value.isoformat())
