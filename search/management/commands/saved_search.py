import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import acting
from accounts.access import Action
from accounts.management.acting_command import ActingCommand
from accounts.models import User
from events.errors import DomainError
from search.models import SavedSearch, SearchMatch
from search.saved import keep
from search.saved.matches import Counted, mark_seen, matches_of, saved_searches

MOST_SHOWN = 100


class Command(ActingCommand):
    of_one_tenant = True  # of one user, who is that of --as
    needs = Action.VIEW
    help = "The saved searches of the user named by --as, and the posts that they have matched."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="names, queries, numbers of matches")
        add = actions.add_parser("add", help="save a search")
        add.add_argument("query", nargs="+", help="in the query language")
        add.add_argument("--name", default="", help="what it is called (default: its query)")
        shown = actions.add_parser("matches", help=f"the last {MOST_SHOWN} matches")
        shown.add_argument("--unseen", action="store_true", help="only those not seen")
        shown.add_argument(
            "--mark-seen", action="store_true", help="mark those that are shown as seen"
        )
        others = [actions.add_parser(name) for name in ("pause", "resume", "delete")]
        for one in (shown, *others):
            one.add_argument("id", type=UUID, help="as `list` shows it")
        for one in (listing, add, shown, *others):
            one.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        user = acting.acting_user()
        if user is None:
            raise CommandError(_("Say whose searches are meant: --as USER"))
        try:
            getattr(self, f"_{options['action']}")(user, options)
        except DomainError as refusal:
            self.say_failed({"error": refusal.code, "detail": str(refusal)}, options)
            raise CommandError(str(refusal)) from refusal

    def _list(self, user: User, options: dict[str, Any]) -> None:
        found = list(saved_searches(user))
        if options["json"]:
            self._say({"searches": [_row(one) for one in found]})
            return
        for one in found:
            paused = f" [{_('paused')}]" if one.is_paused else ""
            self.stdout.write(f"{one.pk}  {one.unseen}/{one.total}  {one.name}{paused}")
            if one.text != one.name:
                self.stdout.write(f"    {one.text}")

    def _add(self, user: User, options: dict[str, Any]) -> None:
        text = " ".join(options["query"])
        kept = keep.save(user, text, name=options["name"], now=timezone.now())
        self._say_one(user, kept, options)

    def _matches(self, user: User, options: dict[str, Any]) -> None:
        kept = _own(user, options)
        rows = list(matches_of(kept, user, unseen=options["unseen"])[:MOST_SHOWN])
        if options["json"]:
            self._say({"matches": [_match(row) for row in rows]})
        else:
            self._print(rows)
        if options["mark_seen"]:
            mark_seen(kept, user, now=timezone.now(), ids=[row.pk for row in rows])

    def _print(self, rows: Sequence[SearchMatch]) -> None:
        for row in rows:
            post = row.post
            where = post.telegram_post_url or f"#{post.telegram_message_id}"
            self.stdout.write(f"{post.posted_at:%Y-%m-%d} {post.channel} {where}")
        if not rows:
            self.stdout.write(_("No post has matched yet."))

    def _pause(self, user: User, options: dict[str, Any]) -> None:
        changed = keep.change(_own(user, options), is_paused=True, now=timezone.now())
        self._say_one(user, changed, options)

    def _resume(self, user: User, options: dict[str, Any]) -> None:
        changed = keep.change(_own(user, options), is_paused=False, now=timezone.now())
        self._say_one(user, changed, options)

    def _delete(self, user: User, options: dict[str, Any]) -> None:
        kept = _own(user, options)
        keep.forget(kept)
        if options["json"]:
            self._say({"deleted": str(options["id"])})

    def _say_one(self, user: User, kept: SavedSearch, options: dict[str, Any]) -> None:
        if options["json"]:
            self._say(_row(saved_searches(user).get(pk=kept.pk)))
        else:
            self.stdout.write(f"{kept.pk}  {kept.name}")

    def _say(self, report: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(report, ensure_ascii=False))


def _own(user: User, options: dict[str, Any]) -> Counted:
    found = saved_searches(user).filter(pk=options["id"]).first()
    if found is None:
        raise CommandError(_("There is no saved search %(id)s.") % {"id": options["id"]})
    return found


def _row(one: Counted) -> dict[str, Any]:
    return {
        "id": str(one.pk),
        "name": one.name,
        "q": one.text,
        "paused": one.is_paused,
        "since": one.since.isoformat(),
        "matches": one.total,
        "unseen": one.unseen,
    }


def _match(row: SearchMatch) -> dict[str, Any]:
    return {
        "post_id": str(row.post_id),
        "channel": str(row.post.channel),
        "url": row.post.telegram_post_url,
        "posted_at": row.post.posted_at.isoformat(),
        "matched_at": row.matched_at.isoformat(),
        "seen_at": row.seen_at.isoformat() if row.seen_at else None,
    }
