"""Which posts are to be looked at again."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet

from media.models import MediaObject, MediaRole, Post, PostMedia
from vision.models import EnrichmentKind, PostEnrichment, VisionProviderName
from vision.version import Version

BATCH: Final = 500
"""Posts in memory at once."""
SHOWN: Final = (MediaRole.PRIMARY, MediaRole.ATTACHMENT)
FIRST_GENERATION: Final = 1
_GENERATION: Final = re.compile(r"GigaChat-(\d{1,3})(?:-|$)")
_SCHEMA: Final = re.compile(r"\d{1,6}(?:\.\d{1,6}){0,3}")


@dataclass(frozen=True, slots=True)
class Selection:
    """
    What narrows the posts; nothing said is no bound, and `limit` takes the newest.

    `model_older_than` is a generation of GigaChat, `schema_older_than` the numbers of a version.
    """

    tenant_id: UUID | None = None
    channel_ids: Sequence[UUID] = ()
    post_ids: Sequence[UUID] = ()
    since: datetime | None = None
    until: datetime | None = None
    provider: str = ""
    model: str = ""
    model_older_than: int | None = None
    schema_older_than: Sequence[int] = ()
    version_older_than: Version | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A post with the media it shows, in their order; there is at least one."""

    post: Post
    media: Sequence[MediaObject]


def generation(model: str) -> int:
    """`GigaChat-2-Pro` is of the second; names without a number are of the first."""
    found = _GENERATION.match(model)
    return int(found[1]) if found else FIRST_GENERATION


def schema_numbers(text: str) -> list[int]:
    """Raises ValueError where it is no version such as `1.0`."""
    if not _SCHEMA.fullmatch(text):
        raise ValueError(text)
    return [int(number) for number in text.split(".")]


def posts(selection: Selection) -> QuerySet[Post]:
    """Without an order, and without the limit."""
    shown = PostMedia.objects.filter(post=OuterRef("pk"), role__in=SHOWN)
    found = Post.objects.filter(_of_posts(selection)).filter(Exists(shown))
    of_analysis = _of_analysis(selection)
    if of_analysis is None:
        return found
    seen = PostEnrichment.objects.filter(post=OuterRef("pk"), kind=EnrichmentKind.VISION)
    return found.filter(Exists(seen.filter(of_analysis)))


def batches(selection: Selection) -> Iterator[list[Shown]]:
    """All of it, newest first; rows are read as they are asked for, however long that takes."""
    last: tuple[datetime, UUID] | None = None
    left = selection.limit
    while left is None or left > 0:
        size = BATCH if left is None else min(BATCH, left)
        found = list(_after(posts(selection), last)[:size])
        if not found:
            return
        yield _with_media(found)
        last = (found[-1].posted_at, found[-1].pk)
        left = None if left is None else left - len(found)


def _after(found: QuerySet[Post], last: tuple[datetime, UUID] | None) -> QuerySet[Post]:
    if last is not None:
        at, pk = last
        found = found.filter(Q(posted_at__lt=at) | Q(posted_at=at, pk__lt=pk), posted_at__lte=at)
    rows = found.select_related("channel", "tenant").order_by("-posted_at", "-id")
    return rows.defer("extra", "reactions", "urls", "mentions", "hashtags")


def _with_media(found: Sequence[Post]) -> list[Shown]:
    rows = PostMedia.objects.filter(post__in=found, role__in=SHOWN).select_related("media_object")
    media: dict[UUID, list[MediaObject]] = {}
    for row in rows.order_by("position"):
        media.setdefault(row.post_id, []).append(row.media_object)
    return [Shown(post, media[post.pk]) for post in found if post.pk in media]


def _of_posts(selection: Selection) -> Q:
    bounds: dict[str, Any] = {
        "tenant": selection.tenant_id,
        "channel__in": selection.channel_ids,
        "pk__in": selection.post_ids,
        "posted_at__gte": selection.since,
        "posted_at__lt": selection.until,
    }
    return Q(**{lookup: value for lookup, value in bounds.items() if value})


def _of_analysis(selection: Selection) -> Q | None:
    """None where no analysis is needed: posts nobody has looked at yet belong to it, too."""
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
    """`than` is made of numbers only: it is written into the statement."""

    output_field = BooleanField()


class _ModelOlder(_Older):
    template = (
        "coalesce(substring(%(expressions)s from '^GigaChat-([0-9]{1,3})(-|$)')::int, 1) < %(than)s"
    )


class _SchemaOlder(_Older):
    """Whether any picture of the post was analyzed by an older schema; unreadable ones are older."""

    template = (
        "EXISTS (SELECT FROM jsonb_path_query(%(expressions)s, '$.analyses.*.schema_version')"
        " AS one(v) WHERE CASE WHEN v #>> '{}' ~ '^[0-9]{1,6}([.][0-9]{1,6}){0,3}$'"
        " THEN string_to_array(v #>> '{}', '.')::int[] < '{%(than)s}'::int[] ELSE true END)"
    )


class _VersionOlder(_Older):
    """Rows from before versions were noted, or with one that cannot be read, are older."""

    template = (
        "coalesce((substring(%(expressions)s from '^vision@([0-9]{4}-[0-9]{2}-[0-9]{2})#p[0-9]+$'),"
        " substring(%(expressions)s from '#p([0-9]{1,6})$')::int) < ('%(than)s', %(step)s), true)"
    )
