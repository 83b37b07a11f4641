import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from accounts.management.acting_command import ActingCommand
from accounts.tenants import find_tenant
from events.errors import DomainError
from events.management import tables
from events.management.json_command import CANNOT_WORK
from media.models import ChannelFeed, ChannelGap
from media.services.telegram.accounts import access as telegram
from media.services.telegram.accounts import rests
from media.services.telegram.channels import feeds, status
from media.services.telegram.reading import gaps
from media.services.telegram.reading.ingest import Order

HEADS: Final = {
    "channel": pgettext_lazy("column", "channel"),
    "username": pgettext_lazy("column", "username"),
    "account": pgettext_lazy("column", "account"),
    "state": pgettext_lazy("column", "state"),
    "cursor": pgettext_lazy("column", "cursor"),
    "newest": pgettext_lazy("column", "newest"),
    "history_left": pgettext_lazy("column", "history_left"),
    "not_wanted": pgettext_lazy("column", "not_wanted"),
    "failed": pgettext_lazy("column", "failed"),
    "rests_until": pgettext_lazy("column", "rests_until"),
    "reason": pgettext_lazy("column", "reason"),
    "put_off": pgettext_lazy("column", "put_off"),
    "unheard": pgettext_lazy("column", "unheard"),
    "read_at": pgettext_lazy("column", "read_at"),
    "first": pgettext_lazy("column", "first"),
    "last": pgettext_lazy("column", "last"),
    "runs": pgettext_lazy("column", "runs"),
    "code": pgettext_lazy("column", "code"),
    "detail": pgettext_lazy("column", "detail"),
}
"""Heads of the columns; --json names them in English."""


class Command(ActingCommand):
    of_one_tenant = True
    help = "Show the channels that are read from Telegram, what is not read of them, and fill that."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        for name, text in (
            ("status", "how far each channel is read, and what rests until when"),
            ("gaps", "messages that were not read, and why"),
            ("fill", "read what is listed as a gap"),
            ("pause", "do not read a channel until it is resumed"),
            ("resume", "read a paused channel again"),
        ):
            sub = commands.add_parser(name, help=text)
            sub.add_argument("--tenant", metavar="NAME_OR_ID", help="default: the default tenant")
            sub.add_argument("--json", action="store_true", help="one JSON array on stdout")
            needed = name in ("pause", "resume")
            sub.add_argument(
                "channel", nargs=None if needed else "?", help="@name or id (default: all)"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        work = {
            "status": self._status, "gaps": self._gaps, "fill": self._fill,
            "pause": self._pause, "resume": self._pause,
        }  # fmt: skip
        try:
            chosen = feeds.find(find_tenant(options["tenant"]), options["channel"] or "")
            self._say(work[options["command"]](chosen, options), options)
        except DomainError as refusal:
            self.say_failed({"error": refusal.code, "detail": str(refusal)}, options)
            raise CommandError(str(refusal), returncode=CANNOT_WORK) from refusal

    def _status(self, chosen: list[ChannelFeed], options: dict[str, Any]) -> list[dict[str, Any]]:
        return [status.of_feed(feed) for feed in chosen]

    def _gaps(self, chosen: list[ChannelFeed], options: dict[str, Any]) -> list[dict[str, Any]]:
        found = ChannelGap.objects.filter(channel__in=[feed.pk for feed in chosen])
        ordered = found.select_related("channel").order_by("channel", "first_id", "pk")
        return [status.of_gap(gap) for gap in ordered]

    def _fill(self, chosen: list[ChannelFeed], options: dict[str, Any]) -> list[dict[str, Any]]:
        for feed in chosen:
            rests.require_awake(feed)
            with telegram.connected(feed.account) as access:
                gaps.fill(access, feed, Order())
        return self._gaps(chosen, options)

    def _pause(self, chosen: list[ChannelFeed], options: dict[str, Any]) -> list[dict[str, Any]]:
        for feed in chosen:
            feeds.pause(feed, paused=options["command"] == "pause")
        return self._status(chosen, options)

    def _say(self, rows: list[dict[str, Any]], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(rows, ensure_ascii=False, default=str))
            return
        if not rows:
            self.stdout.write(_("none"))
            return
        head = [str(HEADS[name]) for name in rows[0]]
        for line in tables.table(head, [list(_short(row.values())) for row in rows]):
            self.stdout.write(line)


def _short(values: Iterable[Any]) -> Iterator[Any]:
    """Texts cut, moments in the zone of the archive."""
    for value in values:
        if isinstance(value, datetime):
            yield f"{localtime(value):%Y-%m-%d %H:%M:%S}"
        else:
            yield value[:60] if isinstance(value, str) else value
