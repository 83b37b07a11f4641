"""Tags of posts for the graph: those that were given, and hashtags that nobody has looked at yet."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from graph import keys
from vision.models import PostTag, Tag, TagOrigin, TagState


@dataclass(frozen=True, slots=True)
class Tagging:
    """A tag that holds for a post: where it came from, and how sure that is (0 to 1)."""

    name: str
    origin: str
    confidence: float


Hashtags = Mapping[UUID, tuple[UUID, Iterable[str]]]
"""Of each post its tenant, and the hashtags of its text as they are written."""


def read(hashtags: Hashtags) -> dict[UUID, list[Tagging]]:
    """
    The tags that hold for these posts, by a query for tags and one for synonyms.

    A synonym stands for the tag that it means. What a person removed is no tag, however often the
    text says it; proposals are none yet.
    """
    found: dict[UUID, list[Tagging]] = defaultdict(list)
    known: dict[UUID, set[str]] = defaultdict(set)
    rows = PostTag.objects.filter(post__in=hashtags).order_by("tag__name")
    for post, name, origin, confidence, state in rows.values_list(
        "post", "tag__name", "origin", "confidence", "state"
    ):
        known[post].add(name)
        if state == TagState.ACCEPTED:
            found[post].append(Tagging(name, origin, confidence))
    names = {post: _names(texts) for post, (_, texts) in hashtags.items()}
    means = _meanings(
        {(tenant, one) for post, (tenant, _) in hashtags.items() for one in names[post]}
    )
    for post, (tenant, _) in hashtags.items():
        meant = dict.fromkeys(means.get((tenant, one), one) for one in names[post])
        new = [one for one in meant if one not in known[post]]
        found[post] += [Tagging(name, TagOrigin.HASHTAG.value, 1.0) for name in new]
    return found


def _names(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, map(keys.tag_name, texts))))


def _meanings(names: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], str]:
    """What synonyms among these names of tenants mean."""
    by_tenant: dict[UUID, list[str]] = defaultdict(list)
    for tenant, name in names:
        by_tenant[tenant].append(name)
    wanted = Q(pk__in=[])
    for tenant, some in by_tenant.items():
        wanted |= Q(tenant=tenant, name__in=some)
    rows = Tag.objects.filter(wanted, merged_into__isnull=False)
    return {
        (tenant, name): meant
        for tenant, name, meant in rows.values_list("tenant", "name", "merged_into__name")
    }
