"""What is known about posts, read for a tagger by a constant number of queries."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.functional import cached_property

from events.postgresql.advisory_locks import in_turn
from media.models import Post
from vision.models import EnrichmentKind, PostEnrichment
from vision.tagging.port import Material
from vision.tagging.versions import Seen
from vision.tagging.words.names import each_once, hashtags

_COLUMNS = (
    "tenant", "channel_id", "content", "hashtags", "has_media", "grouped_id", "posted_at", "created_at",
)  # fmt: skip


@dataclass(frozen=True)
class KnownPost:
    """A post, its analysis if there is one, its row of tags if there is one, its album's texts."""

    post: Post
    analysis: PostEnrichment | None
    tagged: PostEnrichment | None
    album: Sequence[Post] = ()

    @property
    def state(self) -> dict[str, Any]:
        return self.tagged.data if self.tagged else {}

    @property
    def seen(self) -> Seen:
        """The analysis as it is in the database; empty without one."""
        row = self.analysis
        is_analyzed = row is not None and row.vision_analyzed_at is not None
        return Seen(row.vision_version, row.features_hash) if row and is_analyzed else Seen()

    @property
    def tagged_with(self) -> Seen | None:
        """The analysis that the tags are made of; None without tags."""
        if not self.is_tagged:
            return None
        return Seen(self.state.get("tags_version", ""), self.state.get("features_hash", ""))

    @property
    def is_tagged(self) -> bool:
        """Whether a tagger was here; a person may have been before."""
        return bool(self.tagged and self.tagged.params_hash)

    @cached_property
    def material(self) -> Material:
        row, texts = self.analysis, [one.content for one in self.album]
        return Material(
            text=self.post.content,
            album_text="\n".join(filter(None, texts)),
            description=row.described if row else "",
            labels=_labels(row),
            ocr_text=row.vision_ocr_text if row else "",
            hashtags=_hashtags((self.post, *self.album)),
            has_media=self.post.has_media,
        )

    @property
    def content_hash(self) -> str:
        """The hash of what an import may change; while it is equal, an import changes no tag."""
        made_of = self.material
        told = [made_of.text, made_of.album_text, [*made_of.hashtags], made_of.has_media]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def take_turns(post_ids: Collection[UUID]) -> None:
    """Until the transaction ends, let nobody else change the tags of the tenants of these posts."""
    tenants = Post.objects.filter(pk__in=post_ids).order_by().values_list("tenant", flat=True)
    for tenant in sorted(set(tenants)):
        in_turn(lock_name(tenant))


def lock_name(tenant_id: UUID) -> str:
    return f"vision:tags:{tenant_id}"


def read(post_ids: Collection[UUID]) -> dict[UUID, KnownPost]:
    """Read those of the posts that exist."""
    posts = list(
        Post.objects.filter(pk__in=post_ids)
        .select_related("tenant")
        .only(*_COLUMNS, "tenant__settings")
    )
    rows: dict[tuple[UUID, str], PostEnrichment] = {
        (row.post_id, row.kind): row
        for row in PostEnrichment.objects.filter(
            post__in=post_ids, kind__in=[EnrichmentKind.VISION, EnrichmentKind.TAGS]
        )
    }
    albums = _albums(posts)
    return {
        post.pk: KnownPost(
            post,
            rows.get((post.pk, EnrichmentKind.VISION)),
            rows.get((post.pk, EnrichmentKind.TAGS)),
            [one for one in albums[_album_of(post)] if one.pk != post.pk]
            if post.grouped_id
            else (),
        )
        for post in posts
    }


def with_albums(post_ids: Collection[UUID]) -> list[UUID]:
    """These posts, and those tagged ones that stand in an album with one of them."""
    posts = Post.objects.filter(pk__in=post_ids, grouped_id__isnull=False)
    groups = list(posts.only("channel_id", "grouped_id"))
    tagged = Q(enrichments__kind=EnrichmentKind.TAGS)
    others = _in_albums(groups).filter(tagged).values_list("pk", flat=True) if groups else ()
    return list(dict.fromkeys((*post_ids, *others)))


def _albums(posts: Sequence[Post]) -> dict[tuple[UUID, int | None], list[Post]]:
    found: dict[tuple[UUID, int | None], list[Post]] = defaultdict(list)
    grouped = [post for post in posts if post.grouped_id is not None]
    if grouped:
        items = _in_albums(grouped).order_by("telegram_message_id")
        for item in items.only("channel_id", "grouped_id", "content", "hashtags"):
            found[_album_of(item)].append(item)
    return found


def _in_albums(posts: Sequence[Post]) -> Any:
    channels = {post.channel_id for post in posts}
    groups = {post.grouped_id for post in posts}
    return Post.objects.filter(channel__in=channels, grouped_id__in=groups)


def _album_of(post: Post) -> tuple[UUID, int | None]:
    return post.channel_id, post.grouped_id


def _labels(row: PostEnrichment | None) -> list[str]:
    seen = row.vision_classification if row else None
    tags = seen.get("tags") if isinstance(seen, dict) else None
    return [str(tag) for tag in tags] if isinstance(tags, list) else []


def _hashtags(posts: Sequence[Post]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_names_of(posts)))


def _names_of(posts: Sequence[Post]) -> Iterator[str]:
    for post in posts:
        marked = [tag for tag in post.hashtags if isinstance(tag, str)]
        yield from hashtags(post.content)
        yield from each_once(tag.partition("@")[0] for tag in marked)
