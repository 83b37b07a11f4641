"""`diag_vision check`: what is known about one post, and why."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from events.models import Delivery, DeliveryState
from events.schemas import VisionUploadedEventV1
from media.models import Post
from vision.management.diagnostics import table
from vision.models import EnrichmentKind, PostEnrichment
from vision.reasons import OUTCOMES, explain

HELP = "the analysis of one post, and why each picture was looked at or not"
PREVIEW_CHARS = 300


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--post-id", required=True, metavar="UUID", help="the id of the post")
    table.add_json(parser)


def handle(command: BaseCommand, **options: Any) -> None:
    post_id = _uuid(options["post_id"])
    row = PostEnrichment.objects.filter(post_id=post_id, kind=EnrichmentKind.VISION).first()
    if row is None:
        _not_found(command, post_id, as_json=options["json"])
        return
    facts = _facts(row)
    if options["json"]:
        command.stdout.write(table.one_line(facts))
    else:
        command.stdout.write("\n".join(_lines(facts)))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise CommandError(
            _("%(text)r is not the id of a post: it is a UUID, as the console's address shows it")
            % {"text": text}
        ) from error


def _not_found(command: BaseCommand, post_id: UUID, *, as_json: bool) -> None:
    """A warning and no failure: asking is allowed (CONTRACT §19.9, fact 110)."""
    status, why = _absence(post_id)
    command.stderr.write(command.style.WARNING(f"{post_id}: {why}"))
    if as_json:
        command.stdout.write(table.one_line({"post_id": str(post_id), "status": status}))
    else:
        command.stdout.write("\n".join(table.lines([("Status", status)])))


def _absence(post_id: UUID) -> tuple[str, str]:
    post = Post.objects.filter(pk=post_id).first()
    if post is None:
        return "not found", _("there is no such post")
    if not post.has_media:
        return "no media", _("the post has no media: there is nothing to look at")
    asked = Delivery.objects.filter(
        event__topic=VisionUploadedEventV1.topic,
        event__idempotency_key__startswith=f"{post.tenant_id}:{post.pk}:",
    )
    last = asked.order_by("-pk").first()
    if last is None:
        return "not analyzed", _("nobody was asked to look at it: `reanalyze --post-id` does that")
    if last.state == DeliveryState.DEAD:
        return "given up", _("the analysis was given up: %(error)s") % {"error": last.error_details}
    return "waiting", _("the analysis waits its turn: %(state)s, due %(due)s") % {
        "state": last.get_state_display(),
        "due": localtime(last.due_at).isoformat(timespec="seconds"),
    }


def _facts(row: PostEnrichment) -> dict[str, Any]:
    at = row.vision_analyzed_at
    return {
        "post_id": str(row.post_id),
        "status": "analyzed" if at and row.status == "ok" else _unseen(row),
        "error": row.error,
        "analyzed_at": localtime(at).isoformat() if at else None,
        "provider": row.vision_provider,
        "model": row.vision_model,
        "vision_version": row.vision_version,
        "tokens_used": row.vision_tokens_used,
        "is_meme": row.vision_is_meme,
        "has_classification": row.vision_classification is not None,
        "has_description": bool(row.vision_description),
        "has_ocr": bool(row.vision_ocr_text),
        "s3_keys_count": len(row.s3_vision_keys) + len(row.s3_media_keys),
        "classification": row.vision_classification,
        "description": row.vision_description,
        "decisions": [_decision(one) for one in row.metadata.get("decisions", [])],
    }


def _unseen(row: PostEnrichment) -> str:
    return "skipped" if row.status == "ok" else {"error": "failed"}.get(row.status, row.status)


def _decision(given: dict[str, Any]) -> dict[str, Any]:
    outcome, reason = str(given.get("outcome", "")), str(given.get("reason", ""))
    return given | {
        "outcome_in_words": str(OUTCOMES.get(outcome, outcome)),
        "reason_in_words": str(explain(reason)),
    }


def _lines(facts: dict[str, Any]) -> list[str]:
    rows = [
        ("Status", facts["status"]),
        ("Analyzed At", facts["analyzed_at"]),
        ("Provider", facts["provider"]),
        ("Model", facts["model"]),
        ("Vision Version", facts["vision_version"]),
        ("Tokens Used", facts["tokens_used"]),
        ("Is Meme", facts["is_meme"]),
        ("Has Classification", facts["has_classification"]),
        ("Has Description", facts["has_description"]),
        ("Has OCR", facts["has_ocr"]),
        ("S3 Keys Count", facts["s3_keys_count"]),
        *([("Error", facts["error"])] if facts["error"] else []),
    ]
    shown = table.lines(rows)
    if facts["decisions"]:
        shown += ["", _("Why:"), *map(_why, facts["decisions"])]
    if facts["classification"]:
        shown += ["", "Classification:", table.pretty(facts["classification"])]
    if facts["description"]:
        shown += ["", "Description:", _preview(facts["description"])]
    return shown


def _why(decision: dict[str, Any]) -> str:
    words = f"{decision['outcome_in_words']}: {decision['reason_in_words']}"
    notes = [str(decision.get("reason", "")), str(decision.get("details", ""))]
    if decision.get("waits"):
        notes.append(_("a real look is still to come"))
    return f"  {str(decision.get('sha256', ''))[:12]}  {words} ({'; '.join(filter(None, notes))})"


def _preview(text: str) -> str:
    return text if len(text) <= PREVIEW_CHARS else f"{text[:PREVIEW_CHARS]}…"
