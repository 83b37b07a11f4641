"""`diag_vision test`: what the policy says of a file. The engine alone: no database, no provider."""

from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from media.file_metadata import read_metadata
from vision.management.diagnostics import table
from vision.policy import decision as policy
from vision.policy.decision import MIB, Candidate, Decision
from vision.policy.loader import current_policy
from vision.policy.schema import PolicyRefused
from vision.reasons import explain

HELP = "what the policy file says of a picture: allowed or not, why, and who would look"


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--media-file", required=True, type=Path, metavar="FILE")
    parser.add_argument("--channel", default="", help="as if posted there (@name)")
    parser.add_argument("--language", help="as if the post were in it, such as ru (default: any)")
    table.add_json(parser)


def handle(command: BaseCommand, **options: Any) -> None:
    candidate = _candidate(options["media_file"])
    try:
        decision = policy.decide(
            current_policy(),
            channel=options["channel"],
            candidate=candidate,
            vision_available=settings.GIGACHAT.configured,
            language=options["language"],
        )
    except PolicyRefused as refused:
        raise CommandError(str(refused)) from refused
    facts = _facts(options["media_file"], candidate, decision)
    if options["json"]:
        command.stdout.write(table.one_line(facts))
    else:
        command.stdout.write("\n".join(_lines(facts)))


def _candidate(path: Path) -> Candidate:
    """By content, as an import sees it: the name of the file says nothing."""
    try:
        with path.open("rb") as file:
            seen = read_metadata(file)
            file.seek(0)
            digest = sha256(file.read()).hexdigest()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandError(
            _("The file %(path)s cannot be read: %(reason)s") % {"path": path, "reason": reason}
        ) from error
    return Candidate(digest, seen.mime, path.stat().st_size, seen.width, seen.height)


def _facts(path: Path, candidate: Candidate, decision: Decision) -> dict[str, Any]:
    return {
        "file": str(path),
        "size_mb": round(candidate.size_bytes / MIB, 3),
        "mime": candidate.mime,
        "width": candidate.width,
        "height": candidate.height,
        **asdict(decision),
        "reason_in_words": str(explain(decision.reason)),
        "routing": _routing(decision),
    }


def _routing(decision: Decision) -> str:
    if decision.skip:
        return "skip"
    return "ocr" if decision.use_ocr else "gigachat"


def _lines(facts: dict[str, Any]) -> list[str]:
    rows = [
        ("File Size (MB)", f"{facts['size_mb']:.3f}"),
        ("MIME", facts["mime"]),
        ("Allowed", facts["allowed"]),
        ("Reason", f"{facts['reason']} ({facts['reason_in_words']})"),
        ("Routing", facts["routing"]),
    ]
    return [*table.lines(rows), "", table.pretty(facts)]
