import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts import acting
from accounts.access import Action
from accounts.management.acting_command import ActingCommand
from accounts.tenants import find_tenant
from events.errors import DomainError
from events.management.json_command import CANNOT_WORK
from events.management.moments import moment
from media.history import shown
from media.history.find_post import find_post
from media.history.read import history_of
from media.management.post_text import lines_of
from media.models import Post


class Command(ActingCommand):
    of_one_tenant = True
    needs = Action.VIEW
    help = "Show a post as its channel showed it at an instant, with the hash that proves it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("post", help="its id, its link, or its channel and number: name/12")
        parser.add_argument(
            "--at",
            type=moment,
            metavar="TIME",
            help="ISO 8601, with a time zone or in the server's (default: now)",
        )
        parser.add_argument("--versions", action="store_true", help="all versions instead of one")
        parser.add_argument("--tenant", metavar="NAME_OR_ID", help="default: all")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            post = find_post(_posts(options["tenant"]), options["post"])
        except DomainError as refusal:
            self.say_failed({"error": refusal.code, "detail": str(refusal)}, options)
            raise CommandError(str(refusal), returncode=CANNOT_WORK) from refusal
        history = history_of(post)
        if options["versions"]:
            report = shown.versions(history)
        else:
            report = shown.moment(history, history.at(options["at"] or timezone.now()))
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False, default=_as_json))
        else:
            self.stdout.writelines(f"{line}\n" for line in lines_of(report))


def _posts(tenant: str | None) -> Any:
    posts = acting.seen(Post.objects.all())
    return posts.filter(tenant=find_tenant(tenant)) if tenant else posts


def _as_json(value: Any) -> str:
    return str(value.isoformat())
