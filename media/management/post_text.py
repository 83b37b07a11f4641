"""What is known of a post, in lines for a terminal."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _


def lines_of(report: Mapping[str, Any]) -> Iterator[str]:
    """Lines of what `media.history.shown` says of an instant, or of all versions."""
    yield f"{report['channel']} {report['url'] or '#' + str(report['telegram_message_id'])}"
    yield " ".join([_("posted at"), _time(report["posted_at"])])
    if "versions" not in report:
        yield from _moment(report)
        return
    for number, version in enumerate(report["versions"], start=1):
        yield "\n" + _("version %d") % number
        yield from _version(version)
    for deleted in report["deletions"]:
        yield f"\n{_deleted(deleted)}"


def _moment(report: Mapping[str, Any]) -> Iterator[str]:
    explained = {
        "not_yet": _("It was not posted yet at %s."),
        "unknown": _("It was posted by %s, but only a later version of it is in the archive."),
    }
    if said := explained.get(report["state"]):
        yield said % _time(report["time"])
    if report["deleted"]:
        yield _deleted(report["deleted"])
    if report["hash"]:
        yield from _version(report)
    if counts := report["counts"]:
        known = (f"{name} {n}" for name, n in counts.items() if name != "at" and n is not None)
        yield f"{', '.join(known)} ({_time(counts['at'])})"


def _version(version: Mapping[str, Any]) -> Iterator[str]:
    since = _("shown from") if version["is_exact"] else _("first seen at")
    yield f"{since} {_time(version['shown_from'])}"
    yield f"SHA-256 {version['hash']}"
    yield " ".join([_("known from"), ", ".join(version["sources"])])
    if version["media_kind"]:
        yield f"{version['media_kind']}: {_files(version['media'])}"
    yield from (f"    {line}" for line in (version["text"] or "").splitlines())


def _files(media: list[dict[str, Any]] | None) -> str:
    if media is None:
        return _("its file is not known")
    return ", ".join(file["sha256"] for file in media)


def _deleted(deleted: Mapping[str, Any]) -> str:
    text = _("Deleted in Telegram, noticed at %s.")
    if deleted["how"] == "absent":
        text = _("Deleted in Telegram: an export of %s has it no more.")
    said = text % _time(deleted["since"])
    if deleted["until"] is None:
        return said
    seen_again = _("Seen again at %s.") % _time(deleted["until"])
    return f"{said} {seen_again}"


def _time(at: datetime) -> str:
    return timezone.localtime(at).isoformat(sep=" ", timespec="seconds")
