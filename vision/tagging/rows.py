"""The rows of tags: what machines found is written, what people decided stays."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from accounts.models import Tenant
from media.models import Post
from vision.models import PostTag, Tag, TagOrigin, TagState
from vision.tagging.settings import threshold

_STRENGTH: Final = {TagOrigin.HASHTAG: 3, TagOrigin.RULE: 2, TagOrigin.MODEL: 1}
"""Of several machines that found a tag, the one that is surest says where it came from."""
_WRITTEN: Final = ("origin", "category", "confidence", "version", "tagger", "state")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tag that a machine found: its canonical name, and where it came from."""

    name: str
    origin: TagOrigin
    confidence: float = 1.0
    category: str = ""
    version: str = ""
    tagger: str = ""


def tags_of(tenant: Tenant, names: Collection[str]) -> dict[str, Tag]:
    """The tags of these names, made where there are none; of a synonym the one it was merged into."""
    known = _known(tenant, names)
    if missing := set(names) - set(known):
        made = [Tag(tenant=tenant, name=name) for name in sorted(missing)]
        Tag.objects.bulk_create(made, ignore_conflicts=True)
        known |= _known(tenant, missing)
    return known


def _known(tenant: Tenant, names: Collection[str]) -> dict[str, Tag]:
    rows = Tag.objects.filter(tenant=tenant, name__in=names).select_related("merged_into")
    return {row.name: row.merged_into or row for row in rows}


def put(wanted: Mapping[Post, Sequence[Wanted]]) -> None:
    """
    Write what machines found about posts, in place of what they found before.

    The caller has `material.take_turns`. Rows that a person decided about are left alone.
    """
    there: dict[UUID, dict[UUID, PostTag]] = {post.pk: {} for post in wanted}
    for row in PostTag.objects.filter(post__in=wanted):
        there[row.post_id][row.tag_id] = row
    rows = _rows(wanted)
    changed, gone = [], []
    for post in wanted:
        new, old = rows[post.pk], there[post.pk]
        changed += [row for pk, row in new.items() if _differs(row, old.get(pk))]
        gone += [row.pk for pk, row in old.items() if not row.decided_at and pk not in new]
    PostTag.objects.filter(pk__in=gone).delete()
    PostTag.objects.bulk_create(
        changed, update_conflicts=True, unique_fields=["post", "tag"], update_fields=_WRITTEN
    )


def _rows(wanted: Mapping[Post, Sequence[Wanted]]) -> dict[UUID, dict[UUID, PostTag]]:
    found: dict[UUID, dict[UUID, PostTag]] = {}
    for tenant, posts in _by_tenant(wanted).items():
        names = {one.name for post in posts for one in wanted[post]}
        known, sure = tags_of(tenant, names), threshold(tenant)
        for post in posts:
            found[post.pk] = {}
            for one in sorted(wanted[post], key=_strength):  # the strongest is written last
                tag = known[one.name]
                weaker = found[post.pk].get(tag.pk)
                found[post.pk][tag.pk] = _row(post, tag, one, sure)
                if weaker and not one.category:  # a hashtag does not know what it names
                    found[post.pk][tag.pk].category = weaker.category
    return found


def _by_tenant(posts: Iterable[Post]) -> dict[Tenant, list[Post]]:
    found: dict[Tenant, list[Post]] = {}
    for post in posts:
        found.setdefault(post.tenant, []).append(post)
    return found


def _strength(one: Wanted) -> tuple[int, float]:
    return _STRENGTH[one.origin], one.confidence


def _row(post: Post, tag: Tag, one: Wanted, sure: float) -> PostTag:
    is_sure = one.origin != TagOrigin.MODEL or one.confidence >= sure
    return PostTag(
        tenant_id=post.tenant_id,
        post=post,
        tag=tag,
        origin=one.origin,
        category=one.category,
        confidence=one.confidence,
        version=one.version,
        tagger=one.tagger,
        state=TagState.ACCEPTED if is_sure else TagState.PROPOSED,
    )


def _differs(row: PostTag, old: PostTag | None) -> bool:
    if old is None:
        return True
    differs = any(getattr(row, name) != getattr(old, name) for name in _WRITTEN)
    return differs and not old.decided_at
