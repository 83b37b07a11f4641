"""Rows and objects for tests: name what matters, the rest is filled in."""

import hashlib
import io
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from PIL import Image

from accounts import tenants
from accounts.models import Membership, Role, Tenant
from albums.models import AlbumKind, AlbumStatus, ItemKind, MediaGroup, MediaGroupItem
from crawl.canonicalize import url_hash
from crawl.models import CrawledPage, PageMention, PageState, PageVersion
from events import outbox
from events.models import Delivery, DeliveryState, OutboxEvent
from media.models import (
    Channel,
    ChannelSource,
    ChannelState,
    CountsDue,
    ImportProblem,
    ImportRun,
    MassDeletion,
    MediaObject,
    MediaRole,
    Post,
    PostCounts,
    PostMedia,
    PostSource,
    PostVersion,
    channel_id,
    media_object_id,
    post_id,
)
from media.posts import post_events
from storage_quota import keys, services
from storage_quota.models import ContentType
from vision.duplicates import distinctions, hash_index
from vision.duplicates.phash import PHash
from vision.models import (
    DocumentPage,
    DocumentText,
    EnrichmentKind,
    PictureDistinction,
    PictureHash,
    PostEnrichment,
    PostTag,
    ReadingOutcome,
    ReadingState,
    Tag,
    TagAnswer,
    TagOrigin,
    TagState,
    VisionProviderName,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
"""When the first post of an `Archive` was imported."""
_numbers = itertools.count(1)


def picture(
    color: str = "navy", *, size: tuple[int, int] = (320, 240), image_format: str = "PNG"
) -> bytes:
    """The bytes of a picture; `color` tells pictures apart."""
    body = io.BytesIO()
    Image.new("RGB", size, color).save(body, image_format)
    return body.getvalue()


def tenant(name: str = "") -> Tenant:
    return Tenant.objects.create(name=name or f"tenant {next(_numbers)}")


def channel(*, owner: Tenant | None = None, **fields: Any) -> Channel:
    owner, number = owner or tenant(), next(_numbers)
    tg_channel_id = fields.pop("tg_channel_id", -(10**12) - number)
    defaults = {"title": f"Channel {number}", "username": f"channel_{number}"}
    return Channel.objects.create(
        pk=channel_id(owner.pk, tg_channel_id),
        tenant=owner,
        tg_channel_id=tg_channel_id,
        **(defaults | fields),
    )


def post(
    *,
    of: Channel | None = None,
    media: Sequence[MediaObject] = (),
    at: datetime = NOW,
    **fields: Any,
) -> Post:
    """A post that shows `media`; the second and later ones are attachments."""
    of, number = of or channel(), next(_numbers)
    number = fields.pop("telegram_message_id", number)
    defaults = {
        "content": f"Post {number}",
        "posted_at": at + timedelta(seconds=number),
        "telegram_post_url": f"https://t.me/{of.username}/{number}",
        "has_media": bool(media),
        "media_kind": "photo" if media else "",
        "media_state": "stored" if media else "",
    }
    created = Post.objects.create(
        pk=post_id(of.pk, number),
        tenant=of.tenant,
        channel=of,
        telegram_message_id=number,
        **(defaults | fields),
    )
    roles = itertools.chain([MediaRole.PRIMARY], itertools.repeat(MediaRole.ATTACHMENT))
    for shown, role in zip(media, roles, strict=False):
        show(created, shown, role=role, at=at)
    return created


def show(
    of: Post, media: MediaObject, *, role: MediaRole = MediaRole.PRIMARY, at: datetime = NOW
) -> PostMedia:
    position = of.post_media.count()
    return PostMedia.objects.create(
        post=of, media_object=media, position=position, role=role, uploaded_at=at
    )


def history(of: Post, *, text: str = "before", at: datetime = NOW) -> ChannelSource:
    """Two exports said different texts of a post, and Telegram its counts, a day apart."""
    source: ChannelSource | None = None
    shown = list(of.post_media.order_by("position"))
    for number, said in enumerate((text, of.content)):
        seen = at + timedelta(days=number)
        source = ChannelSource.objects.create(
            channel=of.channel, kind="export", name=f"{seen:%Y-%m-%dT%H:%M:%S}Z/1/4", moment=seen
        )
        ChannelState.objects.create(
            channel=of.channel, source=source, seen_at=seen, title=f"{text} {number}"
        )
        version = PostVersion.objects.create(
            post=of,
            key=f"{number}" * 32,
            edited_at=seen if number else None,
            content={
                "text": said,
                "formatting": [],
                "media": of.media_kind,
                "files": [one.media_object.file_sha256 for one in shown],
            },
        )
        for position, one in enumerate(shown):
            version.version_media.create(media_object=one.media_object, position=position)
        PostSource.objects.create(
            post=of, source=source, version=version.key, first_seen_at=seen, last_seen_at=seen
        )
        PostCounts.objects.create(post=of, bucket=number, read_at=seen, views=10 * (number + 1))
    CountsDue.objects.create(post=of, due_at=at)
    MassDeletion.objects.create(channel=of.channel, first_at=at, last_at=at, posts=10, of_posts=20)
    assert source
    return source


def media_object(
    *,
    owner: Tenant | None = None,
    body: bytes = b"",
    mime: str = "image/png",
    stored: bool = False,
    at: datetime = NOW,
    **fields: Any,
) -> MediaObject:
    """With `stored` the bytes are in the store, and in its books."""
    owner = owner or tenant()
    body = body or f"content {next(_numbers)}".encode()
    sha256 = hashlib.sha256(body).hexdigest()
    key = keys.media(tenant_id=owner.pk, sha256=sha256, mime=mime)
    if stored:
        services.put_object(
            tenant=owner, content_type=ContentType.MEDIA, key=key, body=body, mime=mime, now=at
        )
    defaults = {"size_bytes": len(body), "first_seen_at": at, "last_seen_at": at}
    return MediaObject.objects.create(
        pk=media_object_id(owner.pk, sha256),
        tenant=owner,
        file_sha256=sha256,
        mime=mime,
        s3_key=key,
        **(defaults | fields),
    )


def decision(media: MediaObject, **fields: Any) -> dict[str, Any]:
    """One line of `PostEnrichment.metadata["decisions"]`."""
    return {
        "sha256": media.file_sha256,
        "allowed": True,
        "reason": "vision_not_configured",
        "use_ocr": True,
        "skip": False,
        "prompt_key": "default",
        "outcome": "analyzed",
        "details": "",
        "from_cache": False,
    } | fields


def near_duplicate(*, owner: Tenant | None = None) -> PictureHash:
    """A picture that shares the analysis of another, two bits away."""
    owner, hashed = owner or tenant(), PHash(next(_numbers) << 128, 16)
    source, duplicate = (media_object(owner=owner).file_sha256 for _ in range(2))
    for sha256, bits in ((source, hashed.bits), (duplicate, hashed.bits ^ 3)):
        hash_index.remember(tenant=owner, sha256=sha256, phash=PHash(bits, 16))
    hash_index.reuse(tenant=owner, sha256=duplicate, source=hash_index.HashMatch(source, 2))
    return PictureHash.objects.get(tenant=owner, sha256=duplicate)


def distinction(*, owner: Tenant | None = None) -> PictureDistinction:
    owner = owner or tenant()
    first, second = (media_object(owner=owner).file_sha256 for _ in range(2))
    return distinctions.mark_distinct(
        tenant=owner, first=first, second=second, user=superuser(), now=NOW
    )


def enrichment(
    of: Post, *, decisions: Iterable[dict[str, Any]] = (), **fields: Any
) -> PostEnrichment:
    defaults = {
        "kind": EnrichmentKind.VISION,
        "vision_provider": VisionProviderName.GIGACHAT,
        "vision_analyzed_at": NOW,
        "metadata": {"decisions": list(decisions)},
    }
    return PostEnrichment.objects.create(post=of, **(defaults | fields))


def article(
    *, of: Post | None = None, owner: Tenant | None = None, text: str = "", **fields: Any
) -> CrawledPage:
    """A page that was read, with one version; `of` is a post that points to it."""
    number = next(_numbers)
    owner = of.tenant if of else owner or tenant()
    host = fields.pop("host", "pages.example")
    url = fields.pop("url", f"https://{host}/{number}")
    defaults = {
        "state": PageState.READ, "reason": "fetched", "version": 1, "title": f"Article {number}",
        "requested_at": NOW, "checked_at": NOW, "http_status": 200,
    }  # fmt: skip
    page = CrawledPage.objects.create(
        tenant=owner, url=url, url_hash=url_hash(url), host=host, **(defaults | fields)
    )
    text = text or f"What article {number} says."
    PageVersion.objects.create(
        page=page, number=1, content_sha256="0" * 64, title=page.title, text=text, seen_at=NOW,
        word_count=len(text.split()),
    )  # fmt: skip
    if of:
        PageMention.objects.create(page=page, post=of)
    return page


def proposal(of: Post, name: str = "proposed") -> PostTag:
    """A tag that waits until somebody decides."""
    tag, _ = Tag.objects.get_or_create(tenant=of.tenant, name=name)
    return PostTag.objects.create(
        tenant=of.tenant, post=of, tag=tag, origin=TagOrigin.MODEL, state=TagState.PROPOSED,
        confidence=2 / 3,
    )  # fmt: skip


def tagged(of: Post, name: str, *, category: str = "") -> PostTag:
    """A tag that holds, as a tagger found it."""
    tag, _ = Tag.objects.get_or_create(tenant=of.tenant, name=name)
    return PostTag.objects.create(
        tenant=of.tenant, post=of, tag=tag, origin=TagOrigin.MODEL, state=TagState.ACCEPTED,
        category=category,
    )  # fmt: skip


def tag_answer(of: Post, **fields: Any) -> TagAnswer:
    """What a tagger answered about the post."""
    usual = {
        "model": "GigaChat-Pro", "state": "given", "tokens": 400, "asked_at": NOW,
        "tags": [{"name": "снег", "category": "topic", "confidence": 0.9}],
        "question": f"{next(_numbers):064x}",
    }  # fmt: skip
    return TagAnswer.objects.create(tenant=of.tenant, post=of, **usual | fields)


def document(*, owner: Tenant | None = None, text: str = "", **fields: Any) -> DocumentText:
    """A document that was read, with one page."""
    text = text or f"document {next(_numbers)}"
    media = fields.pop("media", None) or media_object(owner=owner, mime="application/pdf")
    defaults = {
        "state": ReadingState.DONE, "outcome": ReadingOutcome.ANALYZED, "reason": "document_read",
        "format": "pdf", "pages": 1, "chars": len(text), "read_at": NOW, "seconds": 1 / 7,
    }  # fmt: skip
    row = DocumentText.objects.create(media_object=media, **(defaults | fields))
    DocumentPage.objects.create(document=row, position=0, page=1, text=text)
    return row


def album(
    *, of: Channel | None = None, pictures: Sequence[MediaObject], **fields: Any
) -> MediaGroup:
    """An album of one post per picture, at positions 0, 1, 2 …"""
    of, number = of or channel(), next(_numbers)
    defaults = {
        "album_kind": AlbumKind.PHOTO,
        "status": AlbumStatus.COMPLETE,
        "posted_at": NOW + timedelta(seconds=number),
        "items_count": len(pictures),
        "cover_media": pictures[0] if pictures else None,
    }
    group = MediaGroup.objects.create(
        tenant=of.tenant, channel=of, grouped_id=number, **(defaults | fields)
    )
    for position, media in enumerate(pictures):
        album_item(group, media, position=position)
    return group


def album_item(group: MediaGroup, media: MediaObject, *, position: int) -> MediaGroupItem:
    return MediaGroupItem.objects.create(
        group=group,
        post=post(of=group.channel, media=[media], grouped_id=group.grouped_id),
        position=position,
        media_object=media,
        media_kind=ItemKind.PHOTO,
        sha256=media.file_sha256,
    )


def event(**fields: Any) -> OutboxEvent:
    number = next(_numbers)
    defaults = {
        "topic": "posts.parsed",
        "version": "v1",
        "idempotency_key": f"key {number}",
        "payload": {"number": number},
        "trace_id": f"trace-{number}",
        "tenant_id": "t",
        "occurred_at": NOW,
        "created_at": NOW,
    }
    return OutboxEvent.objects.create(**(defaults | fields))


def delivery(*, of: OutboxEvent | None = None, **fields: Any) -> Delivery:
    defaults = {
        "subscriber": f"subscriber {next(_numbers)}",
        "queue": "default",
        "state": DeliveryState.DONE,
        "due_at": NOW,
    }
    return Delivery.objects.create(event=of or event(), **(defaults | fields))


def dead_letter(*, of: OutboxEvent | None = None, **fields: Any) -> Delivery:
    defaults = {
        "state": DeliveryState.DEAD,
        "attempts": 5,
        "error_code": "tesseract_failed",
        "error_details": "Tesseract ended with 1",
        "error_trace": "Traceback …",
        "first_failed_at": NOW,
        "last_failed_at": NOW,
        "finished_at": NOW,
    }
    return delivery(of=of, **(defaults | fields))


def import_run(*, owner: Tenant | None = None, problems: int = 0, **fields: Any) -> ImportRun:
    defaults = {"path": f"/exports/{next(_numbers)}", "started_at": NOW, "summary": {"new": 3}}
    run = ImportRun.objects.create(tenant=owner or tenant(), **(defaults | fields))
    for number in range(problems):
        ImportProblem.objects.create(
            run=run, code="missing_file", message_id=number, detail="photos/photo_1.jpg"
        )
    return run


def superuser() -> Any:
    return get_user_model().objects.create_superuser(f"root {next(_numbers)}")


def member(role: str = Role.VIEWER, *of: Tenant) -> Any:
    """A user with this role in these tenants; without any named, in all there are by now."""
    user = get_user_model().objects.create_user(f"{role} {next(_numbers)}")
    for owner in of or Tenant.objects.all():
        Membership.objects.create(user=user, tenant=owner, role=role)
    return user


@dataclass
class Archive:
    """
    One tenant, one channel, and posts as an import leaves them: their bytes are stored and
    booked, and whoever subscribed is told. Posts are known by their number, from 1.
    """

    tenant: Tenant = field(default_factory=tenants.default_tenant)
    channel: Channel = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        at = channel_id(self.tenant.pk, -1001)
        self.channel = Channel.objects.filter(pk=at).first() or channel(
            owner=self.tenant, tg_channel_id=-1001, title="Канал", username=""
        )

    def media(self, body: bytes, mime: str = "image/jpeg") -> MediaObject:
        known = media_object_id(self.tenant.pk, hashlib.sha256(body).hexdigest())
        return MediaObject.objects.filter(pk=known).first() or media_object(
            owner=self.tenant, body=body, mime=mime, stored=True, at=START
        )

    def post(
        self,
        *bodies: bytes,
        mime: str = "image/jpeg",
        kind: str = "photo",
        tell: bool = True,
        **columns: Any,
    ) -> Post:
        self.count += 1
        number = columns.pop("message_id", self.count)
        media = [self.media(body, mime) for body in bodies]
        usual = {
            "content": "", "telegram_post_url": "", "posted_at": START + timedelta(minutes=number),
            "media_kind": kind, "media_state": "stored" if bodies else "not_included",
        }  # fmt: skip
        with transaction.atomic():
            made = post(
                of=self.channel, media=media, at=START, telegram_message_id=number,
                **(usual | columns),
            )  # fmt: skip
            if tell:
                self.tell(made, media)
        return made

    def tell(self, of: Post, media: Sequence[MediaObject]) -> None:
        contents, trace_id = [m.file_sha256 for m in media], f"test:{of.telegram_message_id}"
        outbox.publish(
            post_events.parsed(of, self.channel, contents, first=True, trace_id=trace_id)
        )
        if media:
            outbox.publish(post_events.uploaded(of, list(media), now=START, trace_id=trace_id))
