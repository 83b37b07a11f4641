"""Albums by their channel and by tags, and the posts of one."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from graph import keys
from graph.store import connection

Row = dict[str, Any]
_ALBUM: Final = (
    " OPTIONAL MATCH (a)-[r:CONTAINS]->(:Post)"
    " RETURN a.album_id AS album_id, a.channel_id AS channel_id, a.grouped_id AS grouped_id,"
    " a.album_kind AS album_kind, a.items_count AS expected_items, count(r) AS actual_items,"
    " a.caption_text AS caption_text, a.posted_at AS posted_at"
    " ORDER BY posted_at DESC, album_id DESC"
)


def find_albums_by_channel(channel_id: UUID | str, limit: int = 10) -> list[Row]:
    """The newest albums of a channel, newest first."""
    return connection.ask(
        f"MATCH (:Channel {{key: $key}})-[:HAS_ALBUM]->(a:Album){_ALBUM} LIMIT $limit",
        key=str(channel_id),
        limit=limit,
    )


def find_albums_by_tags(
    tags: Sequence[str], limit: int = 10, *, tenants: Iterable[UUID]
) -> list[Row]:
    """
    The newest albums of these tenants among whose posts all of the tags occur, newest first.

    A tag is one of the post, or a label of a picture that it shows.
    """
    wanted = {name for name in map(keys.tag_name, tags) if name}
    tagged: dict[int, set[str]] = defaultdict(set)
    for row in _tagged([keys.tag(tenant, name) for tenant in tenants for name in wanted]):
        tagged[row["album"]].add(row["tag"])
    all_of_them = [album for album, found in tagged.items() if wanted and found == wanted]
    rows = connection.ask(
        f"UNWIND $albums AS key MATCH (a:Album {{key: key}}){_ALBUM} LIMIT $limit",
        albums=[str(album) for album in all_of_them],
        limit=limit,
    )
    return [row | {"matching_tags": sorted(wanted)} for row in rows]


def get_album_posts(
    album_id: int,
    ordered: bool = True,  # noqa: FBT001, FBT002 - the seed's
    *,
    channel_id: UUID | None = None,
) -> list[Row]:
    """
    The posts of an album, by position if they are to be `ordered`.

    A database that was restored to an earlier state gives out numbers of albums once more: with
    `channel_id`, an album of another channel that the graph still knows by this number is none.
    """
    named = "{key: $key}" if channel_id is None else "{key: $key, channel_id: $channel}"
    return connection.ask(
        f"MATCH (:Album {named})-[r:CONTAINS]->(p:Post) RETURN p.key AS post_id,"
        " p.channel_id AS channel_id, p.tenant_id AS tenant_id, r.position AS position"
        + (" ORDER BY position" if ordered else ""),
        key=str(album_id),
        channel=str(channel_id),
    )


def _tagged(tag_keys: Sequence[str]) -> Iterable[Row]:
    for pattern in (
        "(t)<-[:TAGGED_AS]-(p:Post)",
        "(t)<-[:HAS_LABEL]-(:ImageContent)<-[:HAS_IMAGE]-(p:Post)",
    ):
        yield from connection.ask(
            f"UNWIND $keys AS key MATCH (t:Tag {{key: key}}) MATCH {pattern}<-[:CONTAINS]-(a:Album)"
            " RETURN DISTINCT a.album_id AS album, t.name AS tag",
            keys=list(tag_keys),
        )
