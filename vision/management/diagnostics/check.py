"""`diag_vision check`: the analysis of one post and the decision about each of its pictures."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from accounts import acting
from events.management.tables import facts
from events.models import Delivery, DeliveryState
from events.schemas import VisionUploadedEventV1
from media.models import Post
from vision.management.diagnostics import json_output
from vision.models import EnrichmentKind, PostEnrichment
from vision.reasons import OUTCOMES, explain

HELP = "the analysis of one post, and why each picture was analyzed or not"
PREVIEW_CHARS = 300


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--post-id", required=True, metavar="UUID", help="the id of the post")
    json_output.add_json_option(parser)


def handle(command: BaseCommand, **options: Any) -> None:
    post_id = _uuid(options["post_id"])
    row = (
        acting.seen(PostEnrichment.objects.all())
        .filter(post_id=post_id, kind=EnrichmentKind.VISION)
        .first()
    )
    if row is None:
        _not_found(command, post_id, as_json=options["json"])
        return
    known = _facts(row)
    if options["json"]:
        command.stdout.write(json_output.one_line(known))
    else:
        command.stdout.write("\n".join(_lines(known)))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise CommandError(
            _("%(text)r is not the id of a post: it is a UUID, as the console's address shows it")
            % {"text": text}
        ) from error


def _not_found(command: BaseCommand, post_id: UUID, *, as_json: bool) -> None:
    """Warn without a failure: a post without an analysis is no error (CONTRACT §19.9, fact 110)."""
    status, why = _absence(post_id)
    command.stderr.write(command.style.WARNING(f"{post_id}: {why}"))
    if as_json:
        command.stdout.write(json_output.one_line({"post_id": str(post_id), "status": status}))
    else:
        command.stdout.write("\n".join(facts({"Status": status})))


def _absence(post_id: UUID) -> tuple[str, str]:
    """Return the status of a post without an analysis, and an explanation."""
    post = acting.seen(Post.objects.filter(pk=post_id)).first()
    if post is None:
        return "not found", _("there is no such post")
    if not post.has_media:
        return "no media", _("the post has no media: there is nothing to analyze")
    deliveries = Delivery.objects.filter(
        event__topic=VisionUploadedEventV1.topic,
        event__idempotency_key__startswith=f"{post.tenant_id}:{post.pk}:",
    )
    last = deliveries.order_by("-pk").first()
    if last is None:
        return "not analyzed", _(
            "its analysis was never requested: `reanalyze --post-id` does that"
        )
    if last.state == DeliveryState.DEAD:
        return "given up", _("the analysis was given up: %(error)s") % {"error": last.error_details}
    return "waiting", _("the analysis is queued: %(state)s, due %(due)s") % {
        "state": last.get_state_display(),
        "due": localtime(last.due_at).isoformat(timespec="seconds"),
    }


def _facts(row: PostEnrichment) -> dict[str, Any]:
    at = row.vision_analyzed_at
    return {
        "post_id": str(row.post_id),
        "status": "analyzed" if at and row.status == "ok" else _status_without_analysis(row),
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


def _status_without_analysis(row: PostEnrichment) -> str:
    return "skipped" if row.status == "ok" else {"error": "failed"}.get(row.status, row.status)


def _decision(given: dict[str, Any]) -> dict[str, Any]:
    outcome, reason = str(given.get("outcome", "")), str(given.get("reason", ""))
    return given | {
        "outcome_in_words": str(OUTCOMES.get(outcome, outcome)),
        "reason_in_words": str(explain(reason)),
    }


def _lines(known: dict[str, Any]) -> list[str]:
    rows = {
        "Status": known["status"],
        "Analyzed At": known["analyzed_at"],
        "Provider": known["provider"],
        "Model": known["model"],
        "Vision Version": known["vision_version"],
        "Tokens Used": known["tokens_used"],
        "Is Meme": known["is_meme"],
        "Has Classification": known["has_classification"],
        "Has Description": known["has_description"],
        "Has OCR": known["has_ocr"],
        "S3 Keys Count": known["s3_keys_count"],
        **({"Error": known["error"]} if known["error"] else {}),
    }
    shown = [*facts(rows)]
    if known["decisions"]:
        shown += ["", _("Why:"), *map(_why, known["decisions"])]
    if known["classification"]:
        shown += ["", "Classification:", json_output.indented(known["classification"])]
    if known["description"]:
        shown += ["", "Description:", _preview(known["description"])]
    return shown


def _why(decision: dict[str, Any]) -> str:
    words = f"{decision['outcome_in_words']}: {decision['reason_in_words']}"
    notes = [str(decision.get("reason", "")), str(decision.get("details", ""))]
    if decision.get("waits"):
        notes.append(_("the paid analysis is still to come"))
    return f"  {str(decision.get('sha256', ''))[:12]}  {words} ({'; '.join(filter(None, notes))})"


def _preview(text: str) -> str:
    return text if len(text) <= PREVIEW_CHARS else f"{text[:PREVIEW_CHARS]}…"
