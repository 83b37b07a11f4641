"""Options by which commands choose posts."""

from argparse import ArgumentTypeError
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from accounts import acting
from accounts.tenants import find_tenant
from events.management.numbers import count
from vision.reanalysis.channels import find_channels

DAY: Final = timedelta(days=1)


def add(parser: CommandParser) -> None:
    """Add --channel, --from, --to, --post-id, --tenant, --limit and --all."""
    parser.add_argument("--channel", action="append", help="title, @username or id; repeatable")
    parser.add_argument(
        "--from", dest="since", type=_beginning, metavar="DATE", help="posted on it or later"
    )
    parser.add_argument(
        "--to", dest="until", type=_end, metavar="DATE", help="posted on it or before"
    )
    parser.add_argument("--post-id", type=_uuid, nargs="+", metavar="UUID", default=())
    parser.add_argument("--tenant", help="name or id (default: all)")
    parser.add_argument("--limit", type=count(), help="at most so many posts, the newest first")
    parser.add_argument(
        "--all", action="store_true", help="every post; required where no filter is given"
    )


def require_choice(options: Mapping[str, Any], filters: Iterable[str]) -> None:
    """Raise CommandError unless either a filter is given, or --all."""
    given = any(options[name] for name in filters)
    if given and options["all"]:
        raise CommandError(_("--all is every post: give either it or filters; see --help"))
    if not given and not options["all"]:
        raise CommandError(_("Give a filter for the posts, or --all; see --help"))


def tenant_and_channels(options: Mapping[str, Any]) -> tuple[UUID | None, list[UUID]]:
    """
    Find the tenant and the channels that are meant; no tenant is all of them, as no channel is.

    Raises DomainError for names of nothing, and where whoever acts may not do so everywhere.
    """
    tenant_id = find_tenant(options["tenant"]).pk if options["tenant"] else None
    if tenant_id is None:
        acting.require_everywhere()
    names = options["channel"] or ()
    return tenant_id, [one.pk for name in names for one in find_channels(name, tenant_id=tenant_id)]


def _beginning(text: str) -> datetime:
    return _moment(text, whole_day=False)


def _end(text: str) -> datetime:
    """Return the first moment after the given day: the bound is exclusive."""
    return _moment(text, whole_day=True)


def _moment(text: str, *, whole_day: bool) -> datetime:
    """Parse a date or a time; without a time zone, in the server's."""
    try:
        day = parse_date(text)
        moment = datetime.combine(day, time()) if day else parse_datetime(text)
        if day and moment and whole_day:
            moment += DAY
        if moment and timezone.is_naive(moment):
            moment = timezone.make_aware(moment)
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise ArgumentTypeError(_("%r is neither a date (2026-11-21) nor a time") % text)
    return moment


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise ArgumentTypeError(_("%r is not the id of a post (a UUID)") % text) from error
