"""`diag_albums state`: one album with its items, or how many albums are in which state."""

import json
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, Min
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from accounts import acting
from albums.management.diagnostics import facts as known_facts
from albums.models import AlbumStatus, MediaGroup
from events.management.tables import facts, table

HELP = "one album and its items, or how many albums are in which state"


def add_arguments(parser: CommandParser) -> None:
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--album-id", type=int, metavar="N", help="the number of the album")
    chosen.add_argument("--post-id", metavar="UUID", help="a post of the album")
    known_facts.add_json_option(parser)


def handle(command: BaseCommand, **options: Any) -> None:
    if options["album_id"] is None and options["post_id"] is None:
        _write(command, _totals(), options, _lines_of_totals)
    else:
        _write(command, known_facts.facts_of(_find(options)), options, _lines)


def _write(
    command: BaseCommand, found: dict[str, Any], options: dict[str, Any], lines: Any
) -> None:
    as_json = options["json"]
    command.stdout.write(json.dumps(found, ensure_ascii=False) if as_json else lines(found))


def _find(options: dict[str, Any]) -> MediaGroup:
    groups = acting.seen(MediaGroup.objects.select_related("channel", "tenant"))
    if (album_id := options["album_id"]) is not None:
        named = groups.filter(pk=album_id)
    else:
        named = groups.filter(items__post=_uuid(options["post_id"]))
    found = named.first()
    if found is None:
        raise known_facts.AlbumUnknown(_("There is no such album."))
    return found


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise CommandError(_("%(text)r is not the id of a post") % {"text": text}) from error


def _totals() -> dict[str, Any]:
    groups = acting.seen(MediaGroup.objects.order_by())
    counts = dict(groups.values_list("status").annotate(Count("pk")))
    waiting = groups.filter(status=AlbumStatus.WAITING)
    since = waiting.aggregate(since=Min("updated_at"))["since"]
    return {
        **{status: counts.get(status, 0) for status in AlbumStatus.values},
        "waits_longest_since": localtime(since).isoformat(timespec="seconds") if since else None,
    }


def _lines_of_totals(found: dict[str, Any]) -> str:
    return "\n".join(
        facts(
            {
                "Waiting": found["waiting"],
                "Complete": found["complete"],
                "Partial": found["partial"],
                "Waits Longest Since": found["waits_longest_since"],
            }
        )
    )


def _lines(found: dict[str, Any]) -> str:
    head = {
        name.replace("_", " ").title(): value for name, value in found.items() if name != "items"
    }
    names = ("position", "message_id", "kind", "state", "analyzed_at", "post_id")
    rows = [[item[name] for name in names] for item in found["items"]]
    return "\n".join([*facts(head), "", *table(names, rows)])
