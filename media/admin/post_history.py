"""The versions of a post on its page of the console, and the mark of those that were deleted."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from events.admin.marks import mark
from events.console import EMPTY, rendered, short_time
from media.admin.pictures import thumbnail_tag
from media.history.difference import difference
from media.history.read import PostHistory, history_of
from media.history.record.origins import moment_of, without_reading
from media.history.timeline import Deleted, Version
from media.models import Deletion, MediaObject, Post, media_object_id


class DeletedFilter(admin.SimpleListFilter):
    title = _("deleted in Telegram")
    parameter_name = "deleted"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [("1", _("deleted")), ("0", _("not deleted"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        rules = {"1": Q(deleted_at__isnull=False), "0": Q(deleted_at__isnull=True)}
        return queryset.filter(rules.get(self.value() or "", Q()))


def deleted_mark(post: Post) -> SafeString | str:
    """The colored word "deleted"; empty for a post that was not."""
    return mark("deleted", gettext("deleted")) if post.deleted_at else ""


def deletion_text(post: Post) -> str:
    """When a post was deleted, and how that is known."""
    if post.deleted_at is None:
        return EMPTY
    return _deleted(Deleted(post.deleted_at, None, post.deletion))


def history_table(post: Post) -> SafeString | str:
    """What the post was from when on, the latest first, with what each version changed."""
    history = history_of(post)
    return rendered(
        "post_history.html",
        versions=list(_rows(history))[::-1],
        deletions=[_deleted(one) for one in history.deletions],
        counts=history.counts,
    )


def _rows(history: PostHistory) -> Iterator[dict[str, Any]]:
    before: Version | None = None
    stored = _stored(history)
    for number, version in enumerate(history.versions, start=1):
        text = version.content["text"]
        changed = difference(before.content["text"], text) if before else [("same", text)]
        files = version.content.get("files")
        yield {
            "number": number,
            "version": version,
            "parts": [part for part in changed if part[1]],
            "remarks": list(_remarks(before, version)),
            "pictures": [thumbnail_tag(stored[one]) for one in files or () if one in stored],
            "sources": [_source(name) for name in version.sources],
        }
        before = version


def _stored(history: PostHistory) -> dict[str, Any]:
    wanted = {sha256 for v in history.versions for sha256 in v.content.get("files") or ()}
    ids = [media_object_id(history.post.tenant_id, sha256) for sha256 in wanted]
    found = MediaObject.objects.filter(pk__in=ids).values_list("file_sha256", "pk")
    return dict(found) if ids else {}


def _remarks(before: Version | None, version: Version) -> Iterator[str]:
    """What changed beside the text."""
    if before is None:
        return
    if before.content.get("formatting") != version.content.get("formatting"):
        yield gettext("other formatting")
    if before.content["media"] != version.content["media"]:
        yield gettext("another kind of file")
    elif before.content.get("files") != version.content.get("files"):
        yield gettext("another file")


def _source(name: str) -> str:
    kind, _colon, rest = name.partition(":")
    if kind == "live":
        return gettext("Telegram (%s)") % rest
    moment = moment_of(rest)
    return gettext("export of %s") % (short_time(moment) if moment else without_reading(rest))


def _deleted(one: Deleted) -> str:
    text = gettext("Deleted in Telegram, noticed at %s.")
    if one.how == Deletion.ABSENT:
        text = gettext("Deleted in Telegram: an export of %s has it no more.")
    said = text % short_time(one.since)
    if one.until is None:
        return said
    seen_again = gettext("Seen again at %s.") % short_time(one.until)
    return f"{said} {seen_again}"
