"""Facts of posts and of their channels."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from graph import keys
from graph.facts import (
    ARTICLE,
    CHANNEL,
    FORWARDED_FROM,
    HAS_IMAGE,
    HAS_POST,
    PICTURE,
    POST,
    REFERS_TO,
    REPLIES_TO,
    SAYS,
    TAG,
    TAGGED_AS,
    TEXT,
    Facts,
    Ref,
    present,
)
from graph.sources import tags
from graph.sources.moments import written
from media.models import Channel, Post, PostMedia, channel_id, post_id

MOST_CONTENT: Final = 2048
"""Characters of the text that a node repeats (CONTRACT §12.2)."""
Picture = tuple[UUID, str]
_FIELDS: Final = (
    "pk", "tenant_id", "channel_id", "channel__tg_channel_id", "telegram_message_id", "posted_at",
    "content", "deleted_at", "telegram_post_url", "urls", "hashtags", "reply_to_message_id", "reply_to_chat_id",
    "forward_from_chat_id", "forward_from_message_id", "forward_from_name", "forward_date",
)  # fmt: skip


def read(ids: Sequence[UUID], facts: Facts) -> list[Picture]:
    """Add the facts of these posts; returns the pictures that they show."""
    facts.owners |= {Ref(POST, str(pk)): None for pk in ids}
    shown = _pictures(ids)
    rows = list(Post.objects.filter(pk__in=ids).values(*_FIELDS))
    given = tags.read({row["pk"]: (row["tenant_id"], _texts(row["hashtags"])) for row in rows})
    for row in rows:
        post = Ref(POST, str(row["pk"]))
        facts.owners[post] = _properties(row)
        facts.connect(HAS_POST, Ref(CHANNEL, str(row["channel_id"])), post)
        _add_contents(facts, post, row)
        _add_tags(facts, post, row["tenant_id"], given[row["pk"]])
        _add_references(facts, post, row)
        for position, sha256 in shown[row["pk"]]:
            picture = Ref(PICTURE, keys.picture(row["tenant_id"], sha256))
            facts.connect(HAS_IMAGE, post, picture, position=position)
    tenants = {row: UUID(told["tenant_id"]) for row, told in facts.owners.items() if told}
    return [
        (tenants[Ref(POST, str(pk))], sha256)
        for pk, pictures in shown.items()
        for _, sha256 in pictures
        if Ref(POST, str(pk)) in tenants
    ]


def read_channels(ids: Iterable[UUID], facts: Facts) -> None:
    """Add the channels; one that is gone goes with the last of its posts."""
    facts.owners |= {Ref(CHANNEL, str(pk)): None for pk in ids}
    for one in Channel.objects.filter(pk__in=list(ids)):
        facts.owners[Ref(CHANNEL, str(one.pk))] = present(
            {
                "key": str(one.pk),
                "tenant_id": str(one.tenant_id),
                "channel_id": str(one.pk),
                "tg_channel_id": one.tg_channel_id,
                "title": one.title or None,
                "username": one.username or None,
                "archived": True,
            }
        )


def _properties(row: dict[str, Any]) -> dict[str, Any]:
    return present(
        {
            "key": str(row["pk"]),
            "post_id": str(row["pk"]),
            "tenant_id": str(row["tenant_id"]),
            "channel_id": str(row["channel_id"]),
            "tg_channel_id": row["channel__tg_channel_id"],
            "telegram_message_id": row["telegram_message_id"],
            "posted_at": written(row["posted_at"]),
            "content": row["content"][:MOST_CONTENT] or None,
            "url": row["telegram_post_url"] or None,
            "deleted_at": written(row["deleted_at"]),
            "archived": True,
        }
    )


def _add_contents(facts: Facts, post: Ref, row: dict[str, Any]) -> None:
    """The text and the links of a post."""
    tenant = row["tenant_id"]
    if said := keys.text(tenant, row["content"]):
        facts.connect(SAYS, post, facts.leaf(TEXT, said, tenant_id=str(tenant)))
    for url in filter(None, map(keys.address, _texts(row["urls"]))):
        page = facts.leaf(ARTICLE, keys.article(tenant, url), tenant_id=str(tenant), url=url)
        facts.connect(REFERS_TO, post, page)


def _add_tags(facts: Facts, post: Ref, tenant: UUID, given: Iterable[tags.Tagging]) -> None:
    for one in given:
        tag = facts.leaf(TAG, keys.tag(tenant, one.name), tenant_id=str(tenant), name=one.name)
        facts.connect(TAGGED_AS, post, tag, confidence=one.confidence, origin=one.origin)


def _add_references(facts: Facts, post: Ref, row: dict[str, Any]) -> None:
    """
    The posts that this one was forwarded from and replies to, whether they are there or not.

    Exports name the chat of a forward and not the message: then it leads to the channel.
    """
    tenant, chat = row["tenant_id"], row["forward_from_chat_id"]
    if chat is not None:
        facts.connect(
            FORWARDED_FROM,
            post,
            _mentioned(facts, tenant, chat, row["forward_from_message_id"]),
            chat_id=chat,
            message_id=row["forward_from_message_id"],
            name=row["forward_from_name"] or None,
            at=written(row["forward_date"]),
        )
    if row["reply_to_message_id"] is not None:
        chat = row["reply_to_chat_id"]
        chat = row["channel__tg_channel_id"] if chat is None else chat
        facts.connect(REPLIES_TO, post, _mentioned(facts, tenant, chat, row["reply_to_message_id"]))


def _mentioned(facts: Facts, tenant: UUID, chat: int, message: int | None) -> Ref:
    channel = channel_id(tenant, chat)
    label, key = (CHANNEL, channel) if message is None else (POST, post_id(channel, message))
    return facts.leaf(label, str(key), tenant_id=str(tenant), archived=False)


def _pictures(ids: Sequence[UUID]) -> dict[UUID, list[tuple[int, str]]]:
    rows = PostMedia.objects.filter(post__in=ids, media_object__mime__startswith="image/")
    found: dict[UUID, list[tuple[int, str]]] = defaultdict(list)
    for post, position, sha256 in rows.order_by("post_id", "position").values_list(
        "post_id", "position", "media_object__file_sha256"
    ):
        found[post].append((position, sha256))
    return found


def _texts(value: Any) -> list[str]:
    """The texts of a JSON column that should hold a list of them."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
