"""The history of a post as plain values, for the API and for commands."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from media.history.counts.growth import Grown
from media.history.counts.readings import METRICS, Counted
from media.history.read import Moment, PostHistory
from media.history.timeline import Deleted, Shown, Version
from media.models import MediaObject, Post

_NO_VERSION = dict.fromkeys(
    ("shown_from", "is_exact", "hash", "text", "formatting", "media_kind", "media", "sources")
)


def moment(history: PostHistory, at: Moment) -> dict[str, Any]:
    """What the channel showed of the post at an instant; `state` says which of it is known."""
    version = at.version if at.shown in (Shown.VERSION, Shown.DELETED) else None
    return {
        **_post(history.post),
        "time": at.time,
        "state": at.shown.value,
        **(_version(version, _stored(history, [version])) if version else _NO_VERSION),
        "deleted": _deleted(at.deleted) if at.deleted else None,
        "counts": counted(at.counts) if at.counts else None,
    }


def versions(history: PostHistory) -> dict[str, Any]:
    """All versions and deletions of a post, the earliest first."""
    stored = _stored(history, history.versions)
    return {
        **_post(history.post),
        "versions": [_version(version, stored) for version in history.versions],
        "deletions": [_deleted(one) for one in history.deletions],
    }


def counts(history: PostHistory) -> dict[str, Any]:
    """All counts of a post that are kept, the earliest first."""
    return {**_post(history.post), "counts": [counted(one) for one in history.counts]}


def grown(one: Grown) -> dict[str, Any]:
    """A post that grew, and by how much."""
    return {
        **_post(one.post),
        "growth": one.growth,
        "value": one.value,
        "since": one.since,
        "until": one.until,
    }


def counted(one: Counted) -> dict[str, Any]:
    return {"at": one.at, **{metric: getattr(one, metric) for metric in METRICS}}


def _post(post: Post) -> dict[str, Any]:
    return {
        "post_id": str(post.pk),
        "tenant_id": str(post.tenant_id),
        "channel_id": str(post.channel_id),
        "channel": str(post.channel),
        "telegram_message_id": post.telegram_message_id,
        "url": post.telegram_post_url,
        "posted_at": post.posted_at,
    }


def _version(version: Version, stored: dict[str, MediaObject]) -> dict[str, Any]:
    content = version.content
    files = content.get("files")
    return {
        "shown_from": version.shown_from,
        "is_exact": version.is_exact,
        "hash": version.content_hash,
        "text": content["text"],
        "formatting": content.get("formatting"),
        "media_kind": content["media"],
        "media": None if files is None else [_file(sha256, stored) for sha256 in files],
        "sources": version.sources,
    }


def _file(sha256: str, stored: dict[str, MediaObject]) -> dict[str, Any]:
    found = stored.get(sha256)
    return {
        "sha256": sha256,
        "media_id": str(found.pk) if found else None,
        "mime": found.mime if found else None,
        "size_bytes": found.size_bytes if found else None,
    }


def _stored(history: PostHistory, wanted: Iterable[Version]) -> dict[str, MediaObject]:
    files = {sha256 for version in wanted for sha256 in version.content.get("files") or ()}
    found = MediaObject.objects.filter(tenant=history.post.tenant_id, file_sha256__in=files)
    return {one.file_sha256: one for one in found} if files else {}


def _deleted(one: Deleted) -> dict[str, datetime | str | None]:
    return {"since": one.since, "until": one.until, "how": one.how}
