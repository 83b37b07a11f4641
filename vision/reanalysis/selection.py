"""Selects the posts of a reanalysis."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet

from events.postgresql import keyset
from media.models import MediaObject, MediaRole, Post, PostMedia
from vision.models import EnrichmentKind, PostEnrichment, VisionProviderName
from vision.version import Version

BATCH: Final = 500
"""Number of posts in memory at once."""
VISIBLE_ROLES: Final = (MediaRole.PRIMARY, MediaRole.ATTACHMENT)
FIRST_GENERATION: Final = 1
_GENERATION: Final = re.compile(r"GigaChat-(\d{1,3})(?:-|$)")
_SCHEMA: Final = re.compile(r"\d{1,6}(?:\.\d{1,6}){0,3}")


@dataclass(frozen=True, slots=True)
class Selection:
    """
    Filters for posts; an empty field does not filter, and `limit` takes the newest posts.

    `post_ids` alone filters when it is empty, too: of no posts chosen, none is analyzed.

    `model_older_than` is a generation of GigaChat, `schema_older_than` the numbers of a version.
    """

    tenant_id: UUID | None = None
    channel_ids: Sequence[UUID] = ()
    post_ids: Sequence[UUID] | None = None
    since: datetime | None = None
    until: datetime | None = None
    provider: str = ""
    model: str = ""
    model_older_than: int | None = None
    schema_older_than: Sequence[int] = ()
    version_older_than: Version | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class PostWithMedia:
    """A post with its media in their order; at least one."""

    post: Post
    media: Sequence[MediaObject]


def generation(model: str) -> int:
    """Return 2 for `GigaChat-2-Pro`; names without a number are of the first generation."""
    found = _GENERATION.match(model)
    return int(found[1]) if found else FIRST_GENERATION


def schema_numbers(text: str) -> list[int]:
    """Parse a version such as `1.0`. Raises ValueError for anything else."""
    if not _SCHEMA.fullmatch(text):
        raise ValueError(text)
    return [int(number) for number in text.split(".")]


def posts(selection: Selection) -> QuerySet[Post]:
    """Return the posts without order and limit."""
    media = PostMedia.objects.filter(post=OuterRef("pk"), role__in=VISIBLE_ROLES)
    found = Post.objects.filter(_post_filter(selection)).filter(Exists(media))
    analysis_filter = _analysis_filter(selection)
    if analysis_filter is None:
        return found
    seen = PostEnrichment.objects.filter(post=OuterRef("pk"), kind=EnrichmentKind.VISION)
    return found.filter(Exists(seen.filter(analysis_filter)))


def batches(selection: Selection) -> Iterator[list[PostWithMedia]]:
    """
    Yield the selected posts with their media, newest first.

    By key instead of a server-side cursor: a cursor would keep a transaction open for hours.
    """
    rows = posts(selection).select_related("channel", "tenant")
    slim = rows.defer("extra", "reactions", "urls", "mentions", "hashtags")
    for page in keyset.pages(slim, "-posted_at", "-id", size=BATCH, limit=selection.limit):
        yield _with_media(page)


def _with_media(found: Sequence[Post]) -> list[PostWithMedia]:
    shown = PostMedia.objects.filter(post__in=found, role__in=VISIBLE_ROLES)
    rows = shown.select_related("media_object")
    media: dict[UUID, list[MediaObject]] = {}
    for row in rows.order_by("position"):
        media.setdefault(row.post_id, []).append(row.media_object)
    # An edit may have removed the media since the posts were read: such a post is left out.
    return [PostWithMedia(post, media[post.pk]) for post in found if post.pk in media]


def _post_filter(selection: Selection) -> Q:
    bounds: dict[str, Any] = {
        "tenant": selection.tenant_id,
        "channel__in": selection.channel_ids,
        "posted_at__gte": selection.since,
        "posted_at__lt": selection.until,
    }
    chosen = Q() if selection.post_ids is None else Q(pk__in=selection.post_ids)
    return chosen & Q(**{lookup: value for lookup, value in bounds.items() if value})


def _analysis_filter(selection: Selection) -> Q | None:
    """Filter by the existing analysis; None selects posts without any analysis, too."""
    rules: list[Any] = []
    if selection.provider:
        rules.append(Q(vision_provider=selection.provider))
    if selection.model:
        rules.append(Q(vision_model=selection.model))
    if selection.model_older_than is not None:
        rules.append(Q(vision_provider=VisionProviderName.GIGACHAT))
        rules.append(Q(_ModelOlder(F("vision_model"), than=int(selection.model_older_than))))
    if selection.schema_older_than:
        than = ",".join(str(int(number)) for number in selection.schema_older_than)
        rules.append(Q(_SchemaOlder(F("data"), than=than)))
    if selection.version_older_than is not None:
        year, month, day, step = map(int, selection.version_older_than)
        than = f"{year:04}-{month:02}-{day:02}"
        rules.append(Q(_VersionOlder(F("vision_version"), than=than, step=step)))
    return Q(*rules) if rules else None


class _Older(Func):
    """Base of comparisons. `than` is written into the SQL, so it must consist of numbers only."""

    output_field = BooleanField()


class _ModelOlder(_Older):
    """Whether the model is of an earlier generation of GigaChat, see `generation`."""

    template = (
        "coalesce(substring(%(expressions)s from '^GigaChat-([0-9]{1,3})(-|$)')::int, 1) < %(than)s"
    )


class _SchemaOlder(_Older):
    """Whether any analysis of the post has an older schema; one that cannot be parsed is older."""

    # CASE, as PostgreSQL may evaluate the cast before a regular expression that stands beside it.

    template = (
        "EXISTS (SELECT FROM jsonb_path_query(%(expressions)s, '$.analyses.*.schema_version')"
        " AS one(v) WHERE CASE WHEN v #>> '{}' ~ '^[0-9]{1,6}([.][0-9]{1,6}){0,3}$'"
        " THEN string_to_array(v #>> '{}', '.')::int[] < '{%(than)s}'::int[] ELSE true END)"
    )


class _VersionOlder(_Older):
    """Whether the version is older; a missing version or one that cannot be parsed is older."""

    template = (
        "coalesce((substring(%(expressions)s from '^vision@([0-9]{4}-[0-9]{2}-[0-9]{2})#p[0-9]+$'),"
        " substring(%(expressions)s from '#p([0-9]{1,6})$')::int) < ('%(than)s', %(step)s), true)"
    )
