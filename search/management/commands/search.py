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
from media.models import Post
from search.fusion import WINDOW
from search.index.postgresql.facets import Facet
from search.query.problems import Problem, explain
from search.services.facets import Facets, facets_in
from search.services.find import Hits, find_text
from search.services.found_in_files import FileHit, place
from search.services.shown import Shown, shown, why


class Command(ActingCommand):
    of_one_tenant = True
    needs = Action.VIEW
    help = "Search the archive by words and by meaning."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "query", nargs="+", help='words, "phrases", #tags, -excluded, channel:NAME, …'
        )
        parser.add_argument("--tenant", help="name or id (default: all)")
        parser.add_argument("--limit", type=_limit, default=10, help="at most so many posts")
        parser.add_argument(
            "--facets", type=_facets, default=(), help=f"count by these, of {', '.join(Facet)}"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        text = " ".join(options["query"])
        tenants, names = _tenants(options["tenant"]), options["facets"]
        found = find_text(text, tenants, limit=options["limit"])
        facets = facets_in(text, tenants, names) if names else None
        if options["json"]:
            report = _report(found, shown(found)) | ({"facets": asdict(facets)} if facets else {})
            self.stdout.write(json.dumps(report, ensure_ascii=False))
        else:
            self._print(found, shown(found))
            if facets:
                self._print_facets(facets)

    def _print(self, found: Hits, hits: Sequence[Shown]) -> None:
        for problem in found.problems:
            explanation = explain(problem, translate=_)
            self.stderr.write(f"{explanation.message} {explanation.remedy}")
        for reason in found.degraded:
            self.stderr.write(reason)
        for word, others in found.replaced.items():
            self.stderr.write(
                _("%(word)s: also looked for %(others)s")
                % {"word": word, "others": ", ".join(others)}
            )
        for one in hits:
            post = one.post
            self.stdout.write(f"{post.posted_at:%Y-%m-%d} {post.channel} {_address(post)}")
            self.stdout.write(f"    {' '.join(one.fragment.text.split())}")
            self.stdout.write(f"    {why(one.hit)}")
            if one.file:
                self.stdout.write(f"    {place(one.file)}")
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


def _tenants(name: str | None) -> tuple[UUID, ...]:
    """The tenant that is named, or all that may be seen."""
    try:
        if name:
            return (find_tenant(name).pk,)
    except DomainError as refusal:
        raise CommandError(str(refusal)) from refusal
    return tuple(acting.seen(Tenant.objects.all()).values_list("pk", flat=True))


def _report(found: Hits, hits: Sequence[Shown]) -> dict[str, Any]:
    return {
        "found": found.found,
        "replaced": {word: list(others) for word, others in found.replaced.items()},
        "degraded": list(found.degraded),
        "problems": [_problem(problem) for problem in found.problems],
        "hits": [_row(one) for one in hits],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code.value,
        "start": problem.start,
        "end": problem.end,
        "text": problem.text,
        **asdict(explain(problem, translate=_)),
    }


def _row(one: Shown) -> dict[str, Any]:
    hit, post = one.hit, one.post
    return {
        "post_id": str(hit.post_id),
        "channel": str(post.channel),
        "url": post.telegram_post_url,
        "posted_at": post.posted_at.isoformat(),
        "score": round(hit.score, 6),
        "words": list(hit.words),
        "tags": list(hit.tags),
        "distance": hit.distance,
        "text": one.fragment.text,
        "spans": [list(span) for span in one.fragment.spans],
        "file": _file(one.file) if one.file else None,
    }


def _file(found: FileHit) -> dict[str, Any]:
    return {
        "media_id": str(found.media_id),
        "name": found.name,
        "page": found.page,
        "sheet": found.label,
    }


def _address(post: Post) -> str:
    return post.telegram_post_url or f"#{post.telegram_message_id}"


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= WINDOW:
        raise ArgumentTypeError(_("a number from 1 to %d") % WINDOW)
    return int(text)
