"""`diag_albums reassemble`: have albums assembled again, by the workers or at once."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import acting
from accounts.access import Action
from accounts.models import Tenant
from albums.management.diagnostics import facts
from albums.models import MediaGroup
from albums.services import overdue, reassemble
from events.errors import RetryLater
from events.management.tables import facts as as_facts

HELP = "assemble albums again; each gets another version and tells its subscribers"


def add_arguments(parser: CommandParser) -> None:
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--album-id", type=int, nargs="+", metavar="N", help="these albums")
    chosen.add_argument("--stuck", action="store_true", help="those that `stuck` shows")
    facts.add_minutes_option(parser)
    parser.add_argument(
        "--now",
        action="store_true",
        help="assemble here, from what there is, instead of queueing it for the workers",
    )
    parser.add_argument("--dry-run", action="store_true", help="show which ones, change nothing")
    facts.add_json_option(parser)


def handle(command: BaseCommand, **options: Any) -> None:
    """Raises CommandError where an album was not assembled or queued."""
    ids = _chosen(options)
    _require(ids)
    if options["dry_run"]:
        outcomes: dict[int, str] = dict.fromkeys(ids, "would be assembled")
    elif options["now"]:
        outcomes = {album_id: _assembled(album_id) for album_id in ids}
    else:
        reassemble.request(ids)
        outcomes = dict.fromkeys(ids, "queued")
    _report(command, outcomes, as_json=options["json"])


def _chosen(options: dict[str, Any]) -> list[int]:
    """The numbers of the albums with items that are meant; raises AlbumUnknown."""
    groups = acting.seen(MediaGroup.objects.exclude(items_count=0))
    if options["stuck"]:
        stuck = overdue.without_progress(timeout=facts.patience(options), now=timezone.now())
        return list(
            groups.filter(pk__in=stuck.values("pk")).order_by("pk").values_list("pk", flat=True)
        )
    wanted = set(options["album_id"])
    known = set(groups.filter(pk__in=wanted).values_list("pk", flat=True))
    if unknown := sorted(wanted - known):
        numbers = ", ".join(map(str, unknown))
        raise facts.AlbumUnknown(_("There are no such albums with items: %s") % numbers)
    return sorted(known)


def _require(ids: list[int]) -> None:
    """Raise NotAllowed unless the user of `--as` may operate the tenants of these albums."""
    for tenant in Tenant.objects.filter(mediagroup__in=ids).distinct():
        acting.require(tenant, Action.OPERATE)


def _assembled(album_id: int) -> str:
    try:
        return reassemble.assemble_now(album_id, now=timezone.now())
    except RetryLater as wait:
        return f"not assembled: {wait}"


def _report(command: BaseCommand, outcomes: dict[int, str], *, as_json: bool) -> None:
    albums = {str(number): outcome for number, outcome in outcomes.items()}
    if as_json:
        command.stdout.write(json.dumps({"albums": albums}, ensure_ascii=False))
    elif albums:
        command.stdout.write("\n".join(as_facts(albums)))
    else:
        command.stdout.write(_("There is nothing to assemble."))
    if failed := sum(outcome.startswith("not assembled") for outcome in outcomes.values()):
        raise CommandError(_("Albums not assembled: %d") % failed)
