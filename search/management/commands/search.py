import json
from argparse import ArgumentTypeError
from collections.abc import Sequence
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
from search.fragments import Fragment
from search.fusion import WINDOW
from search.index.port import Scope
from search.query_terms import plain_query
from search.services.find import Hit, Hits, find
from search.services.highlight import highlight


class Command(ActingCommand):
    of_one_tenant = True
    needs = Action.VIEW
    help = "Search the archive by words and by meaning."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("query", nargs="+", help='words, "phrases", #tags, -excluded')
        parser.add_argument("--tenant", help="name or id (default: all)")
        parser.add_argument("--limit", type=_limit, default=10, help="at most so many posts")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        query = plain_query(" ".join(options["query"]))
        found = find(query, Scope(_tenants(options["tenant"])), limit=options["limit"])
        posts = Post.objects.select_related("channel").in_bulk([hit.post_id for hit in found.hits])
        shown = [(hit, posts[hit.post_id]) for hit in found.hits if hit.post_id in posts]
        texts = [post.content or post.picture_words or post.other_words for _hit, post in shown]
        fragments = highlight(texts, found.lexemes)
        if options["json"]:
            self.stdout.write(json.dumps(_report(found, shown, fragments), ensure_ascii=False))
        else:
            self._print(found, shown, fragments)

    def _print(
        self, found: Hits, shown: Sequence[tuple[Hit, Post]], fragments: Sequence[Fragment]
    ) -> None:
        for reason in found.degraded:
            self.stderr.write(reason)
        for word, others in found.replaced.items():
            self.stderr.write(
                _("%(word)s: also looked for %(others)s")
                % {"word": word, "others": ", ".join(others)}
            )
        for (hit, post), fragment in zip(shown, fragments, strict=True):
            self.stdout.write(f"{post.posted_at:%Y-%m-%d} {post.channel} {_address(post)}")
            self.stdout.write(f"    {' '.join(fragment.text.split())}")
            self.stdout.write(f"    {_why(hit)}")
        if not shown:
            self.stdout.write(_("Nothing was found."))


def _tenants(name: str | None) -> tuple[UUID, ...]:
    """The tenant that is named, or all that may be seen."""
    try:
        if name:
            return (find_tenant(name).pk,)
    except DomainError as refusal:
        raise CommandError(str(refusal)) from refusal
    return tuple(acting.seen(Tenant.objects.all()).values_list("pk", flat=True))


def _why(hit: Hit) -> str:
    """Say why a post was found."""
    reasons = [_("words: %s") % ", ".join(hit.words)] if hit.words else []
    reasons += [_("tags: %s") % ", ".join(f"#{tag}" for tag in hit.tags)] if hit.tags else []
    if hit.distance is not None:
        reasons.append(_("distance of meaning: %.2f") % hit.distance)
    return "; ".join(reasons)


def _report(
    found: Hits, shown: Sequence[tuple[Hit, Post]], fragments: Sequence[Fragment]
) -> dict[str, Any]:
    return {
        "found": found.found,
        "replaced": {word: list(others) for word, others in found.replaced.items()},
        "degraded": list(found.degraded),
        "hits": [
            {
                "post_id": str(hit.post_id),
                "channel": str(post.channel),
                "url": post.telegram_post_url,
                "posted_at": post.posted_at.isoformat(),
                "score": round(hit.score, 6),
                "words": list(hit.words),
                "tags": list(hit.tags),
                "distance": hit.distance,
                "text": fragment.text,
                "spans": [list(span) for span in fragment.spans],
            }
            for (hit, post), fragment in zip(shown, fragments, strict=True)
        ],
    }


def _address(post: Post) -> str:
    return post.telegram_post_url or f"#{post.telegram_message_id}"


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= WINDOW:
        raise ArgumentTypeError(_("a number from 1 to %d") % WINDOW)
    return int(text)
