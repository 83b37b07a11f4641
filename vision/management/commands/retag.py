import json
import sys
from dataclasses import asdict
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts.management.acting_command import ActingCommand
from events.errors import DomainError
from events.management.tables import facts
from vision.management import post_filters
from vision.reasons import explain
from vision.tagging import again
from vision.tagging.again import Choice, Forecast

FILTERS: Final = ("channel", "since", "until", "post_id", "tenant", "limit", "stood_in")


class Command(ActingCommand):
    of_one_tenant = True
    help = "Tag posts again. Without --yes: show what it takes, change nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        post_filters.add(parser)
        parser.add_argument(
            "--stood-in", action="store_true", help="those that the local tagger tagged instead"
        )
        parser.add_argument("--yes", "--execute", action="store_true", help="tag the posts")
        parser.add_argument("--dry-run", action="store_true", help="change nothing, the default")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["yes"] and options["dry_run"]:
            raise CommandError(_("Give either --yes or --dry-run."))
        try:
            choice = _choice(options)
            if options["yes"]:
                self._retag(choice, as_json=options["json"])
            else:
                self._preview(again.forecast(choice), as_json=options["json"])
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal

    def _preview(self, found: Forecast, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"done": False, **asdict(found)}))
            return
        rows = {
            _("posts to tag"): str(found.posts),
            _("tagger"): f"{found.provider}, {found.model}",
            _("of these to ask about"): str(found.asked),
            _("tokens to pay"): str(found.tokens),
            _("roubles"): f"{found.roubles:.2f}",
        }
        if found.reason:
            rows[_("the local tagger stands in")] = str(explain(found.reason))
        note = _("Nothing has been tagged yet: repeat the command with --yes.")
        self.stdout.write("\n".join([*facts(rows), note]))

    def _retag(self, choice: Choice, *, as_json: bool) -> None:
        with tqdm(desc="posts", unit="", file=sys.stderr, disable=None) as bar:
            done = again.retag(choice, now=timezone.now(), progress=bar.update)
        if as_json:
            self.stdout.write(json.dumps({"done": True, **asdict(done)}))
            return
        text = _("Posts tagged: %(posts)d, of which %(changed)d have other tags now.")
        self.stdout.write(text % {"posts": done.posts, "changed": done.changed})
        rows = {_("by the tagger %s") % name: str(n) for name, n in sorted(done.taggers.items())}
        for reason, count in sorted(done.reasons.items()):
            rows[str(explain(reason))] = str(count)
        if done.tokens:
            rows |= {_("tokens"): str(done.tokens), _("roubles"): f"{done.roubles:.2f}"}
        self.stdout.write("\n".join(facts(rows)))


def _choice(options: dict[str, Any]) -> Choice:
    post_filters.require_choice(options, FILTERS)
    tenant_id, channels = post_filters.tenant_and_channels(options)
    return Choice(
        tenant_id,
        channels,
        options["post_id"],
        options["since"],
        options["until"],
        options["limit"],
        options["stood_in"],
    )
