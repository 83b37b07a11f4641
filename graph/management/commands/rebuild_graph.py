import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts import acting
from accounts.management.acting_command import ActingCommand
from accounts.tenants import find_tenant
from albums.models import MediaGroup
from events.errors import DomainError, RetryLater
from events.management.json_command import CANNOT_WORK
from events.management.moments import moment
from graph.errors import GraphOff, GraphUnavailable
from graph.services.rebuild import Rebuilt, rebuild
from graph.store.connection import configured
from graph.store.write import Written
from media.models import Post


class Command(ActingCommand):
    of_one_tenant = True
    help = "Bring the graph in line with the archive, newest posts first, then the albums."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", help="name or id (default: all)")
        parser.add_argument("--since", type=moment, metavar="DATE", help="posted on it or later")
        parser.add_argument(
            "--before", type=moment, metavar="DATE", help="posts of before it: continues a run"
        )
        parser.add_argument(
            "--albums-only", action="store_true", help="leave posts, --before is about albums then"
        )
        parser.add_argument(
            "--repair", action="store_true", help="compare each relation, whatever was written last"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            posts, albums = (
                _rows(Post.objects.all(), options),
                _rows(MediaGroup.objects.all(), options),
            )
            if not configured():
                raise GraphOff
        except DomainError as refusal:
            self.say_failed({"error": refusal.code, "detail": str(refusal)}, options)
            raise CommandError(str(refusal), returncode=CANNOT_WORK) from refusal
        posts, albums = _before(posts, albums, options)
        written, rows = Written(), 0
        with tqdm(total=posts.count() + albums.count(), file=sys.stderr, disable=None) as bar:
            for done in self._batches(posts, albums, options):
                written.add(done.written)
                rows += done.rows
                bar.update(done.rows)
        self._report(rows, written, options)

    def _batches(
        self, posts: QuerySet[Post], albums: QuerySet[MediaGroup], options: dict[str, Any]
    ) -> Iterator[Rebuilt]:
        last: Rebuilt | None = None
        try:
            for last in rebuild(posts, albums, repair=options["repair"]):
                yield last
        except (GraphOff, GraphUnavailable, RetryLater) as error:
            self._say_how_to_continue(last)
            self.say_failed({"error": "cannot_write", "detail": str(error)}, options)
            raise CommandError(str(error), returncode=CANNOT_WORK) from error
        except KeyboardInterrupt:
            self._say_how_to_continue(last)
            raise

    def _say_how_to_continue(self, last: Rebuilt | None) -> None:
        """Rows of the very moment that was reached are compared once more: some may be left."""
        if last:
            how = "--albums-only " if last.what == "albums" else ""
            after = (last.reached + timedelta(microseconds=1)).isoformat()
            self.stderr.write(_("To continue: %(options)s") % {"options": f"{how}--before {after}"})

    def _report(self, rows: int, written: Written, options: dict[str, Any]) -> None:
        found = {
            "rows": rows,
            "nodes": written.nodes,
            "relations": written.edges,
            "deleted": written.deleted,
        }
        if options["json"]:
            self.stdout.write(json.dumps(found))
            return
        text = _(
            "Posts and albums: %(rows)d; nodes written: %(nodes)d, relations: %(relations)d,"
            " deleted: %(deleted)d"
        )
        self.stdout.write(text % found)


def _rows(rows: QuerySet[Any], options: dict[str, Any]) -> QuerySet[Any]:
    if options["tenant"]:
        rows = rows.filter(tenant=find_tenant(options["tenant"]))
    else:
        acting.require_everywhere()
    if options["since"]:
        rows = rows.filter(posted_at__gte=options["since"])
    return rows


def _before(
    posts: QuerySet[Post], albums: QuerySet[MediaGroup], options: dict[str, Any]
) -> tuple[QuerySet[Post], QuerySet[MediaGroup]]:
    """A run that ended among its posts has not begun with the albums: those are all left."""
    if options["albums_only"]:
        posts = posts.none()
    if options["before"]:
        limit = {"posted_at__lt": options["before"]}
        if options["albums_only"]:
            albums = albums.filter(**limit)
        else:
            posts = posts.filter(**limit)
    return posts, albums
