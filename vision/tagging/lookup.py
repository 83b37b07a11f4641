"""The tags of posts as other rooms see them."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from vision.models import EnrichmentKind, PostEnrichment, PostTag, Tag, TagState


@dataclass(frozen=True, slots=True)
class GivenTags:
    """
    The tags that hold for a post, with the names of their synonyms; and those a person removed.

    `categories` are what the tags that hold name, each once; of a hashtag or a rule nobody knows. `revision` counts the changes of the tags that were published.
    """

    names: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    revision: int = 0


NO_TAGS: Final = GivenTags()


def given_to(post_ids: Collection[UUID]) -> dict[UUID, GivenTags]:
    """The tags of these posts by three queries; empty ones where there are none."""
    found: dict[UUID, GivenTags] = defaultdict(GivenTags)
    rows = list(
        PostTag.objects.filter(post__in=post_ids)
        .exclude(state=TagState.PROPOSED)
        .order_by("tag__name")
        .values_list("post", "tag", "tag__name", "state", "category")
    )
    synonyms = _synonyms({tag for _, tag, _, _, _ in rows})
    for post, tag, name, state, category in rows:
        names, one = (name, *synonyms.get(tag, ())), found[post]
        if state == TagState.ACCEPTED:
            found[post] = replace(
                one, names=one.names + names, categories=_with(one.categories, category)
            )
        else:
            found[post] = replace(one, removed=one.removed + names)
    return _with_revisions(found, post_ids)


def _with(categories: tuple[str, ...], category: str) -> tuple[str, ...]:
    return tuple(sorted({*categories, category} - {""}))


def _with_revisions(
    found: dict[UUID, GivenTags], post_ids: Collection[UUID]
) -> dict[UUID, GivenTags]:
    rows = PostEnrichment.objects.filter(post__in=post_ids, kind=EnrichmentKind.TAGS)
    for post, revision in rows.values_list("post", "data__revision"):
        found[post] = replace(found[post], revision=int(revision or 0))
    return found


def _synonyms(tag_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    rows = Tag.objects.filter(merged_into__in=tag_ids).order_by("name")
    for tag, name in rows.values_list("merged_into", "name"):
        if tag:
            found.setdefault(tag, []).append(name)
    return found
