"""Notice that many posts of a channel were deleted in a short time, and say so."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count

from media.models import Channel, MassDeletion, Post

log = logging.getLogger(__name__)
FEWEST = 10
"""Fewer posts are no mass, whatever their share in a small channel."""


@dataclass(slots=True)
class Wave:
    """Deletions of which each follows the one before within the time of the setting."""

    first_at: datetime
    last_at: datetime
    posts: int


def find(channel: Channel) -> int:
    """
    Keep the mass deletions of a channel, found anew among all its deleted posts.

    Return how many were not known; each of those is logged as a warning.
    """
    deleted = Post.objects.filter(channel=channel, deleted_at__isnull=False)
    by_time = deleted.order_by("deleted_at").values_list("deleted_at").annotate(n=Count("pk"))
    found = waves(by_time, within=settings.HISTORY.mass_deletion_within)
    total = Post.objects.filter(channel=channel).count() if found else 0
    return _keep(channel, [w for w in found if _is_mass(w, total)], total)


def waves(by_time: Iterable[tuple[datetime, int]], *, within: timedelta) -> list[Wave]:
    """Join deletions, ordered by time, to waves. Pure."""
    found: list[Wave] = []
    for at, posts in by_time:
        if found and at - found[-1].last_at <= within:
            found[-1].last_at = at
            found[-1].posts += posts
        else:
            found.append(Wave(at, at, posts))
    return found


def _is_mass(wave: Wave, total: int) -> bool:
    return wave.posts >= max(FEWEST, total * settings.HISTORY.mass_deletion_share)


def _keep(channel: Channel, found: Sequence[Wave], total: int) -> int:
    known = MassDeletion.objects.filter(channel=channel)
    before = set(known.values_list("first_at", flat=True))
    known.exclude(first_at__in=[wave.first_at for wave in found]).delete()
    for wave in found:
        MassDeletion.objects.update_or_create(
            channel=channel,
            first_at=wave.first_at,
            defaults={"last_at": wave.last_at, "posts": wave.posts, "of_posts": total},
        )
        if wave.first_at not in before:
            log.warning(
                "%d of %d posts of a channel were deleted in Telegram; they stay in the archive",
                wave.posts,
                total,
                extra={"channel_id": str(channel.pk)},
            )
    return sum(wave.first_at not in before for wave in found)
