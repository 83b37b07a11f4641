import json
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts import acting
from accounts.access import Action
from accounts.management.acting_command import ActingCommand
from accounts.models import Tenant
from accounts.tenants import find_tenant
from events.errors import DomainError
from events.management.json_command import CANNOT_WORK
from events.management.numbers import count
from graph.queries.channels import Pair, shared_content
from graph.queries.shown import path_as_dict, spread_as_dict
from graph.queries.spread import spread
from media.models import Post


class Command(ActingCommand):
    of_one_tenant = True
    needs = Action.VIEW
    help = (
        "Ask the graph how a post spread, which channels share content, or what connects two posts."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        subjects = parser.add_subparsers(dest="subject", required=True)
        one = subjects.add_parser("spread", help="who had it first, who then, from whom")
        one.add_argument("post", help="id of a post")
        pairs = subjects.add_parser("channels", help="which channels share content, and how much")
        pairs.add_argument("--tenant", help="name or id (default: all)")
        pairs.add_argument("--limit", type=count(), default=20, help="at most so many pairs")
        way = subjects.add_parser("path", help="what connects two posts")
        way.add_argument("first", help="id of a post")
        way.add_argument("second", help="id of a post")
        for subject in (one, pairs, way):
            subject.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        answer = {"spread": self._spread, "channels": self._channels, "path": self._path}
        try:
            answer[options["subject"]](options)
        except DomainError as error:
            self.say_failed({"error": error.code, "detail": str(error)}, options)
            raise CommandError(str(error), returncode=CANNOT_WORK) from error

    def _spread(self, options: dict[str, Any]) -> None:
        found = spread_as_dict(spread(_post(options["post"])))
        if options["json"]:
            return self._write(found)
        for one in found["posts"]:
            ways = ", ".join(one["ways"])
            self.stdout.write(
                f"{one['posted_at'][:16] or '?':16}  {_after(one['after_seconds']):>10}"
                f"  {one['channel']}  {one['url'] or one['key']}  {ways}"
            )
        return None

    def _channels(self, options: dict[str, Any]) -> None:
        pairs = shared_content(_tenants(options["tenant"]), limit=options["limit"])
        if options["json"]:
            return self._write({"pairs": [_pair(one) for one in pairs]})
        for one in pairs:
            self.stdout.write(
                _(
                    "%(first)s and %(second)s: pictures %(pictures)d, texts %(texts)d,"
                    " links %(links)d, forwards %(forwards)d"
                )
                % _named(one)
            )
        if not pairs:
            self.stdout.write(_("No channels share anything."))
        return None

    def _path(self, options: dict[str, Any]) -> None:
        found = path_as_dict(_post(options["first"]), _post(options["second"]))
        if options["json"]:
            return self._write(found)
        if not found["found"]:
            self.stdout.write(_("Nothing connects them."))
        for step in found["steps"]:
            arrow = f"-[{step['kind']}]->" if step["forward"] else f"<-[{step['kind']}]-"
            self.stdout.write(f"{arrow} {step['label']} {step['name'] or step['key']}")
        return None

    def _write(self, found: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(found, ensure_ascii=False))


def _post(text: str) -> UUID:
    """The id of a post that whoever acts may see."""
    try:
        key = UUID(text)
    except ValueError as error:
        raise CommandError(_("%(text)s is no id of a post") % {"text": text}) from error
    if not acting.seen(Post.objects.filter(pk=key)).exists():
        raise CommandError(_("there is no post %(text)s") % {"text": text})
    return key


def _tenants(name: str | None) -> list[UUID]:
    if name:
        return [find_tenant(name).pk]
    return list(acting.seen(Tenant.objects.all()).values_list("pk", flat=True))


def _pair(one: Pair) -> dict[str, Any]:
    return {
        "first": one.first, "second": one.second, "names": one.names, "shared": one.shared,
        "pictures": one.pictures, "texts": one.texts, "links": one.links,
        "first_earlier": one.first_earlier, "second_earlier": one.second_earlier,
        "forwards_to_second": one.forwards_to_second, "forwards_to_first": one.forwards_to_first,
    }  # fmt: skip


def _named(one: Pair) -> dict[str, Any]:
    return _pair(one) | {
        "first": one.names.get(one.first, one.first),
        "second": one.names.get(one.second, one.second),
        "forwards": one.forwards_to_first + one.forwards_to_second,
    }


def _after(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 3600:  # noqa: PLR2004 - an hour
        return pgettext("time since the first", "+%d min") % (seconds // 60)
    return pgettext("time since the first", "+%d h") % (seconds // 3600)
