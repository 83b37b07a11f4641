import json
import sys
from argparse import ArgumentTypeError
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django.utils.translation import gettext as _
from tqdm import tqdm

from accounts.management.acting_command import ActingCommand
from events.errors import DomainError
from events.management.tables import facts
from vision import version
from vision.management import post_filters
from vision.models import VisionProviderName
from vision.providers.port import SCHEMA_VERSION
from vision.reanalysis import forecast_rows, request
from vision.reanalysis.forecast import ReanalysisForecast, forecast
from vision.reanalysis.selection import Selection, generation, schema_numbers
from vision.version import VISION_VERSION, Version

FILTERS: Final = (
    "channel", "since", "until", "provider", "model", "model_older_than", "schema_older_than",
    "vision_version_older_than", "post_id", "tenant", "limit",
)  # fmt: skip


class Command(ActingCommand):
    of_one_tenant = True
    help = "Analyze pictures again. Without --yes: show what it costs, request nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        post_filters.add(parser)
        parser.add_argument(
            "--provider",
            choices=VisionProviderName.values,
            help="the provider of the existing analysis",
        )
        parser.add_argument("--model", help="the exact model of the existing analysis")
        _add_age_filters(parser)
        parser.add_argument(
            "--retry-refused",
            action="store_true",
            help="also analyze pictures that the current model has refused for good",
        )
        parser.add_argument("--yes", "--execute", action="store_true", help="request the analyses")
        parser.add_argument("--dry-run", action="store_true", help="request nothing, the default")
        parser.add_argument(
            "--run", type=_run, metavar="ID", help="with --yes: continue a run that was interrupted"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["yes"] and options["dry_run"]:
            raise CommandError(_("Give either --yes or --dry-run."))
        try:
            selection = _selection(options)
            if options["yes"]:
                self._request(selection, options)
            else:
                self._preview(selection, options)
        except (OperationalError, InterfaceError) as error:
            raise CommandError(
                _("The database does not answer: %(error)s") % {"error": str(error).strip()}
            ) from error
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal

    def _preview(self, selection: Selection, options: dict[str, Any]) -> None:
        with _bar() as bar:
            found = forecast(
                selection,
                retry_refused=options["retry_refused"],
                now=timezone.now(),
                progress=bar.update,
            )
        if options["json"]:
            self.stdout.write(json.dumps({"asked": False, **found.as_dict()}, ensure_ascii=False))
        else:
            self.stdout.write("\n".join(_lines(found)))

    def _request(self, selection: Selection, options: dict[str, Any]) -> None:
        now = timezone.now()
        run = options["run"] or request.new_run(now=now)
        self.stderr.write(
            _("Run %(run)s; to continue it after an interruption: --run %(run)s") % {"run": run}
        )
        with _bar() as bar:
            requested = request.request(
                selection,
                run=run,
                retry_refused=options["retry_refused"],
                now=now,
                progress=bar.update,
            )
        if options["json"]:
            self.stdout.write(json.dumps({"asked": True, "run": run, "posts": requested}))
        else:
            text = _("Posts requested: %(count)d. For the progress: manage.py diag_vision budget")
            self.stdout.write(text % {"count": requested})


def _bar() -> Any:
    return tqdm(desc="posts", unit="", file=sys.stderr, disable=None)


def _selection(options: dict[str, Any]) -> Selection:
    post_filters.require_choice(options, FILTERS)
    tenant_id, channels = post_filters.tenant_and_channels(options)
    return Selection(
        tenant_id=tenant_id,
        channel_ids=channels,
        post_ids=options["post_id"] or None,
        since=options["since"],
        until=options["until"],
        provider=options["provider"] or "",
        model=options["model"] or "",
        model_older_than=options["model_older_than"],
        schema_older_than=options["schema_older_than"] or (),
        version_older_than=options["vision_version_older_than"],
        limit=options["limit"],
    )


def _lines(found: ReanalysisForecast) -> list[str]:
    notes = [_("Nothing has been requested yet: repeat the command with --yes.")]
    if not found.waits:
        notes.insert(0, _("VISION_QUEUE_WHEN_EXHAUSTED is off: repeat it on each of these days."))
    return [*facts(dict(forecast_rows.rows(found))), *notes]


def _add_age_filters(parser: CommandParser) -> None:
    """Add options whose value may be left out: then they compare with the current one."""
    for name, current, parse, metavar, text in (
        (
            "model", settings.GIGACHAT.model_name, generation, "MODEL",
            "analyzed by a GigaChat of an earlier generation than this (default: the current)",
        ),
        (
            "schema", SCHEMA_VERSION, _schema, "SCHEMA",
            "analyzed with an older schema of results than this (default: the current)",
        ),
        (
            "vision-version", VISION_VERSION, _version, "VERSION",
            "analyzed by an older version of this program's vision than this (default: the current)",
        ),
    ):  # fmt: skip
        parser.add_argument(
            f"--{name}-older-than",
            nargs="?",
            const=parse(current),
            type=parse,
            metavar=metavar,
            help=text,
        )


def _schema(text: str) -> list[int]:
    try:
        return schema_numbers(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no version such as {SCHEMA_VERSION}") from error


def _version(text: str) -> Version:
    parsed = version.parse(text)
    if parsed is None:
        raise ArgumentTypeError(f"{text!r} is no version such as {VISION_VERSION}")
    return parsed


def _run(text: str) -> str:
    if not request.RUN.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is not the id of a run")
    return text
