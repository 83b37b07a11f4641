import json
import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts import acting
from accounts.management.acting_command import ActingCommand
from accounts.tenants import find_tenant
from events.errors import DomainError
from events.management.moments import moment
from media.models import Post
from search.embeddings import chosen
from search.embeddings.port import EncoderUnavailable
from search.index.postgresql import vector_table
from search.services.rebuild import Rebuilt, rebuild


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
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            posts = _posts(options)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        missing = vector_table.create()
        if not missing and not chosen.configured():
            missing = "SEARCH_ENCODER is none"
        if missing and not options["words_only"]:
            self.stderr.write(_("Only words are indexed: %(reason)s") % {"reason": missing})
        meaning = not (missing or options["words_only"])
        total = {"posts": 0, "changed": 0, "encoded": 0}
        with tqdm(desc="posts", total=posts.count(), file=sys.stderr, disable=None) as bar:
            for done in self._batches(posts, meaning=meaning):
                for name in total:
                    total[name] += getattr(done, name)
                bar.update(done.posts)
        self._report(total | {"meaning": missing or meaning}, options)

    def _batches(self, posts: QuerySet[Post], *, meaning: bool) -> Iterator[Rebuilt]:
        reached = ""
        try:
            for done in rebuild(posts, with_meaning=meaning, clock=timezone.now):
                reached = done.reached.isoformat()
                yield done
        except EncoderUnavailable as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            if reached:
                self.stderr.write(_("To continue: --before %(moment)s") % {"moment": reached})
            raise

    def _report(self, total: dict[str, Any], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(total, ensure_ascii=False))
        else:
            text = _("Posts: %(posts)d; documents changed: %(changed)d; texts encoded: %(encoded)d")
            self.stdout.write(text % total)


def _posts(options: dict[str, Any]) -> Any:
    posts = Post.objects.all()
    if options["tenant"]:
        posts = posts.filter(tenant=find_tenant(options["tenant"]))
    else:
        acting.require_everywhere()
    if options["since"]:
        posts = posts.filter(posted_at__gte=options["since"])
    return posts.filter(posted_at__lt=options["before"]) if options["before"] else posts
