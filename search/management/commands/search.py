import json
from argparse import ArgumentTypeError
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts import acting
from accounts.access import Action
from accounts.management.acting_command import ActingCommand
from accounts.models import Tenant
from accounts.tenants import find_tenant
from events.errors import DomainError
from events.management.numbers import count
from search.fusion import WINDOW
from search.index.postgresql.facets import Facet
from search.management import filter_check, report
from search.services.facets import Facets, facets_in
from search.services.find import find_text
from search.services.meaning import query_vector
from search.services.results.hits import Hits
from search.services.results.shown import Shown, shown
from search.services.results.wording import counted, remarks
from search.services.similar.posts import By, UnknownPost, find_post, similar_to


class Command(ActingCommand):
    of_one_tenant = True
    needs = Action.VIEW
    help = (
        "Search the archive by words and by meaning. The one word check-filters checks the filters"
        f" of the index instead; {filter_check.CODES}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "query",
            nargs="*",
            help='words, "phrases", #tags, -excluded, channel:NAME, …; or check-filters',
        )
        parser.add_argument(
            "--like", metavar="POST", help="instead of a query: like this post (id, link, number)"
        )
        parser.add_argument(
            "--by", choices=[one.value for one in By], default=By.ANY.value, help="how it is --like"
        )
        parser.add_argument("--tenant", help="name or id (default: all)")
        parser.add_argument("--limit", type=count(WINDOW), default=10, help="at most so many posts")
        parser.add_argument(
            "--album", type=int, metavar="ID", help="for check-filters (default: the newest album)"
        )
        parser.add_argument(
            "--facets", type=_facets, default=(), help=f"count by these, of {', '.join(Facet)}"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["query"] == [filter_check.NAME]:
            return filter_check.run(
                _tenants(options["tenant"]),
                album=options["album"],
                as_json=options["json"],
                write=self.stdout.write,
            )
        return self._search(options)

    def _search(self, options: dict[str, Any]) -> None:
        if bool(options["query"]) == bool(options["like"]):
            raise CommandError(_("Give either a query or --like."))
        with query_vector.patient():
            found = _found(options)
        facets = _counted(options)
        hits = shown(found)
        if options["json"]:
            answer = report.as_json(found, hits) | ({"facets": asdict(facets)} if facets else {})
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
        else:
            self._print(found, hits)
            if facets:
                self._print_facets(facets)

    def _print(self, found: Hits, hits: Sequence[Shown]) -> None:
        for remark in remarks(found):
            self.stderr.write(remark)
        if said := counted(found):
            self.stderr.write(said)
        for one in hits:
            for line in report.lines(one):
                self.stdout.write(line)
        if not hits:
            self.stdout.write(_("Nothing was found."))

    def _print_facets(self, facets: Facets) -> None:
        mark = "" if facets.exact else "≈ "
        self.stdout.write(_("posts with these words: %s") % f"{mark}{facets.posts}")
        for facet, values in facets.values.items():
            self.stdout.write(f"{facet}:")
            for one in values:
                self.stdout.write(f"    {mark}{one.posts} {one.name} ({one.condition})")


def _facets(text: str) -> tuple[Facet, ...]:
    try:
        return tuple(dict.fromkeys(Facet(name.strip()) for name in text.split(",")))
    except ValueError as error:
        raise ArgumentTypeError(_("of %s, divided by commas") % ", ".join(Facet)) from error


def _found(options: dict[str, Any]) -> Hits:
    tenants, limit = _tenants(options["tenant"]), options["limit"]
    if not options["like"]:
        return find_text(" ".join(options["query"]), tenants, limit=limit)
    try:
        post = find_post(options["like"], tenants)
    except UnknownPost as error:
        raise CommandError(str(error)) from error
    return similar_to(post, by=By(options["by"]), limit=limit).hits


def _counted(options: dict[str, Any]) -> Facets | None:
    if not options["facets"]:
        return None
    if options["like"]:
        raise CommandError(_("--facets are those of a query, not of --like."))
    text = " ".join(options["query"])
    return facets_in(text, _tenants(options["tenant"]), options["facets"])


def _tenants(name: str | None) -> tuple[UUID, ...]:
    """The tenant that is named, or all that may be seen."""
    try:
        if name:
            return (find_tenant(name).pk,)
    except DomainError as refusal:
        raise CommandError(str(refusal)) from refusal
    return tuple(acting.seen(Tenant.objects.all()).values_list("pk", flat=True))
