"""Facts of albums."""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, QuerySet

from albums.models import MediaGroup, MediaGroupItem
from graph.facts import ALBUM, CHANNEL, CONTAINS, HAS_ALBUM, POST, Facts, Ref, present
from graph.sources.moments import written
from graph.sources.posts import MOST_CONTENT


def with_items() -> QuerySet[MediaGroup]:
    """Albums that have posts; the row of one that all have left stays, and is none."""
    items = MediaGroupItem.objects.filter(group=OuterRef("pk"))
    return MediaGroup.objects.filter(Exists(items))


def read(ids: Sequence[int], facts: Facts) -> None:
    """Add the facts of these albums."""
    facts.owners |= {Ref(ALBUM, str(pk)): None for pk in ids}
    for group in with_items().filter(pk__in=ids):
        album = Ref(ALBUM, str(group.pk))
        facts.owners[album] = _properties(group)
        facts.connect(HAS_ALBUM, Ref(CHANNEL, str(group.channel_id)), album)
    for item in MediaGroupItem.objects.filter(group__in=ids).select_related("group"):
        post = facts.leaf(
            POST, str(item.post_id), tenant_id=str(item.group.tenant_id), archived=False
        )
        facts.connect(CONTAINS, Ref(ALBUM, str(item.group_id)), post, position=item.position)


def _properties(group: MediaGroup) -> dict[str, object]:
    return present(
        {
            "key": str(group.pk),
            "album_id": group.pk,
            "tenant_id": str(group.tenant_id),
            "channel_id": str(group.channel_id),
            "grouped_id": group.grouped_id,
            "album_kind": group.album_kind,
            "items_count": group.items_count,
            "caption_text": group.caption_text[:MOST_CONTENT] or None,
            "posted_at": written(group.posted_at),
        }
    )
