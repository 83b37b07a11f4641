import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts import acting
from accounts.management.acting_command import ActingCommand
from accounts.tenants import find_tenant
from events.errors import DomainError, RetryLater
from events.management.moments import moment
from media.models import Post
from search.embeddings import chosen
from search.embeddings.port import EncoderUnavailable
from search.index.port import IndexRefused, IndexUnavailable
from search.index.postgresql.vectors import vector_table
from search.saved.follow import index_and_match
from search.services.indexing.rebuild import Rebuilt, rebuild
from search.services.indexing.rebuild_qdrant import rebuild_qdrant


class Command(ActingCommand):
    of_one_tenant = True
    help = "Bring the search index up to date with the archive, newest posts first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", help="name or id (default: all)")
        parser.add_argument("--since", type=moment, metavar="DATE", help="posted on it or later")
        parser.add_argument(
            "--before", type=moment, metavar="DATE", help="posted before it: continues a run"
        )
        parser.add_argument("--words-only", action="store_true", help="leave meaning as it is")
        parser.add_argument(
            "--only",
            choices=("postgresql", "qdrant"),
            help="this index alone (default: each there is)",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            posts = _posts(options)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        total: dict[str, Any] = {}
        if options["only"] != "qdrant":
            total |= self._rebuild_postgresql(posts, words_only=options["words_only"])
        if options["only"] == "qdrant" or (settings.QDRANT.configured and not options["only"]):
            total["qdrant"] = self._rebuild_qdrant(posts, options)
        self._report(total, options)

    def _rebuild_postgresql(self, posts: QuerySet[Post], *, words_only: bool) -> dict[str, Any]:
        missing = vector_table.create()
        if not missing and not chosen.configured():
            missing = "SEARCH_ENCODER is none"
        if missing and not words_only:
            self.stderr.write(_("Only words are indexed: %(reason)s") % {"reason": missing})
        meaning = not (missing or words_only)
        batches = rebuild(
            posts, with_meaning=meaning, clock=timezone.now, write_words=index_and_match
        )
        return self._counted("posts", posts, batches) | {"meaning": missing or meaning}

    def _rebuild_qdrant(self, posts: QuerySet[Post], options: dict[str, Any]) -> dict[str, int]:
        """A new collection, unless only some of the posts are meant."""
        if not settings.QDRANT.configured:
            raise CommandError(_("There is no Qdrant: set QDRANT_URL."))
        if options["words_only"]:
            self.stderr.write(_("Qdrant is left as it is: it has words and meaning in one."))
            return {"posts": 0, "changed": 0}
        whole = not (options["since"] or options["tenant"])
        found = self._counted(
            "qdrant", posts, rebuild_qdrant(posts, whole=whole, clock=timezone.now)
        )
        return {"posts": found["posts"], "changed": found["changed"]}

    def _counted(
        self, what: str, posts: QuerySet[Post], batches: Iterator[Rebuilt]
    ) -> dict[str, int]:
        total = {"posts": 0, "changed": 0, "encoded": 0}
        with tqdm(desc=what, total=posts.count(), file=sys.stderr, disable=None) as bar:
            for done in self._batches(batches):
                for name in total:
                    total[name] += getattr(done, name)
                bar.update(done.posts)
        return total

    def _batches(self, batches: Iterator[Rebuilt]) -> Iterator[Rebuilt]:
        reached = ""
        try:
            for done in batches:
                # Posts of the very moment that was reached are compared once more: some may be left.
                reached = (done.reached + timedelta(microseconds=1)).isoformat()
                yield done
        except (EncoderUnavailable, IndexUnavailable, IndexRefused, RetryLater) as error:
            self._say_how_to_continue(reached)
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self._say_how_to_continue(reached)
            raise

    def _say_how_to_continue(self, reached: str) -> None:
        if reached:
            self.stderr.write(_("To continue: --before %(moment)s") % {"moment": reached})

    def _report(self, total: dict[str, Any], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(total, ensure_ascii=False))
            return
        if "posts" in total:
            text = _("Posts: %(posts)d; documents changed: %(changed)d; texts encoded: %(encoded)d")
            self.stdout.write(text % total)
        if "qdrant" in total:
            text = _("Qdrant: %(posts)d posts; points written: %(changed)d")
            self.stdout.write(text % total["qdrant"])


def _posts(options: dict[str, Any]) -> Any:
    posts = Post.objects.all()
    if options["tenant"]:
        posts = posts.filter(tenant=find_tenant(options["tenant"]))
    else:
        acting.require_everywhere()
    if options["since"]:
        posts = posts.filter(posted_at__gte=options["since"])
    return posts.filter(posted_at__lt=options["before"]) if options["before"] else posts
