"""An archive in the making: posts with real objects behind them, without an export."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from django.db import transaction

from accounts import tenants
from accounts.models import Tenant
from events import outbox
from media.models import (
    Channel,
    MediaObject,
    Post,
    PostMedia,
    channel_id,
    media_object_id,
    post_id,
)
from media.posts import post_events
from storage_quota import keys, services

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@dataclass
class Archive:
    """One tenant, one channel. `post()` writes what an import would, and tells of it."""

    tenant: Tenant = field(default_factory=tenants.default_tenant)
    channel: Channel = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        self.channel, _ = Channel.objects.get_or_create(
            pk=channel_id(self.tenant.pk, -1001),
            defaults={"tenant": self.tenant, "tg_channel_id": -1001, "title": "Канал"},
        )

    def media(self, body: bytes, mime: str = "image/jpeg") -> MediaObject:
        digest = sha256(body).hexdigest()
        key = keys.media(tenant_id=self.tenant.pk, sha256=digest, mime=mime)
        services.put_object(
            tenant=self.tenant, content_type="media", key=key, body=body, mime=mime, now=START
        )
        media, _ = MediaObject.objects.get_or_create(
            pk=media_object_id(self.tenant.pk, digest),
            defaults={
                "tenant": self.tenant, "file_sha256": digest, "mime": mime, "s3_key": key,
                "size_bytes": len(body), "first_seen_at": START, "last_seen_at": START,
            },
        )  # fmt: skip
        return media

    def post(
        self,
        *bodies: bytes,
        mime: str = "image/jpeg",
        kind: str = "photo",
        tell: bool = True,
        **columns,
    ) -> Post:
        self.count += 1
        number = columns.pop("message_id", self.count)
        media = [self.media(body, mime) for body in bodies]
        post = Post(
            id=post_id(self.channel.pk, number),
            tenant=self.tenant,
            channel=self.channel,
            telegram_message_id=number,
            posted_at=START + timedelta(minutes=number),
            has_media=bool(bodies),
            media_kind=kind,
            media_state="stored" if bodies else "not_included",
            **columns,
        )
        with transaction.atomic():
            post.save(force_insert=True)
            for position, one in enumerate(media):
                PostMedia.objects.create(
                    post=post, media_object=one, position=position, uploaded_at=START
                )
            if tell:
                self.tell(post, media)
        return post

    def tell(self, post: Post, media: list[MediaObject]) -> None:
        contents = [m.file_sha256 for m in media]
        trace_id = f"test:{post.telegram_message_id}"
        outbox.publish(
            post_events.parsed(post, self.channel, contents, first=True, trace_id=trace_id)
        )
        if media:
            outbox.publish(post_events.uploaded(post, media, now=START, trace_id=trace_id))
