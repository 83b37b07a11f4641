"""`diag_vision test`: the policy's decision about a file, without database or provider."""

from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from events.management.tables import facts
from media.file_metadata import read_metadata
from vision.management.diagnostics import json_output
from vision.policy import decision as policy
from vision.policy.decision import MIB, Decision, FileFacts
from vision.policy.language import LANGUAGES
from vision.policy.loader import current_policy
from vision.policy.schema import PolicyRefused
from vision.reasons import explain

HELP = "the decision of the policy file about a picture: allowed or not, why, by which provider"


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--media-file", required=True, type=Path, metavar="FILE")
    parser.add_argument("--channel", default="", help="as if posted there (@name)")
    parser.add_argument(
        "--language",
        choices=sorted(LANGUAGES),
        metavar="CODE",
        help="as if the post were in it, for example ru (default: any)",
    )
    json_output.add_json_option(parser)


def handle(command: BaseCommand, **options: Any) -> None:
    file = _file_facts(options["media_file"])
    try:
        decision = policy.decide(
            current_policy(),
            channel=options["channel"],
            file=file,
            vision_available=settings.GIGACHAT.configured,
            language=options["language"],
        )
    except PolicyRefused as refused:
        raise CommandError(str(refused)) from refused
    known = _facts(options["media_file"], file, decision)
    if options["json"]:
        command.stdout.write(json_output.one_line(known))
    else:
        command.stdout.write("\n".join(_lines(known)))


def _file_facts(path: Path) -> FileFacts:
    """Probe the content, as an import does; the name of the file is ignored."""
    try:
        with path.open("rb") as content:
            seen = read_metadata(content)
            content.seek(0)
            digest = sha256(content.read()).hexdigest()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandError(
            _("The file %(path)s cannot be read: %(reason)s") % {"path": path, "reason": reason}
        ) from error
    return FileFacts(digest, seen.mime, path.stat().st_size, seen.width, seen.height)


def _facts(path: Path, file: FileFacts, decision: Decision) -> dict[str, Any]:
    return {
        "file": str(path),
        "size_mb": round(file.size_bytes / MIB, 3),
        "mime": file.mime,
        "width": file.width,
        "height": file.height,
        **asdict(decision),
        "reason_in_words": str(explain(decision.reason)),
        "routing": _routing(decision),
    }


def _routing(decision: Decision) -> str:
    if decision.skip:
        return "skip"
    return "ocr" if decision.use_ocr else "gigachat"


def _lines(known: dict[str, Any]) -> list[str]:
    rows = {
        "File Size (MB)": f"{known['size_mb']:.3f}",
        "MIME": known["mime"],
        "Allowed": known["allowed"],
        "Reason": f"{known['reason']} ({known['reason_in_words']})",
        "Routing": known["routing"],
    }
    return [*facts(rows), "", json_output.indented(known)]
