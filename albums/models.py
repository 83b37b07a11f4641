"""Albums: posts that Telegram shows as one."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.tenant_rows import TenantRows
from media.models import Channel, MediaObject, Post


class AlbumKind(models.TextChoices):
    PHOTO = "photo", _("photos")
    VIDEO = "video", _("videos")
    MIXED = "mixed", _("mixed")


class AlbumStatus(models.TextChoices):
    WAITING = "waiting", _("waiting for its items")
    COMPLETE = "complete", _("complete")
    PARTIAL = "partial", pgettext_lazy("album", "partial")


class MediaGroup(models.Model):
    """
    An album. Its progress is a query over its items, never a column that could be stale.

    Two hashes (SHA-256, hex) answer two questions. `content_hash`: did the items change? It is of
    their posts, kinds and files, in order; while it and the caption are equal, collecting the
    album again changes nothing. `revision` counts the changes of either and is part of the keys
    of later `albums.parsed`. `assembled_fingerprint`: was this state assembled already? It is of
    the items with the outcomes of their analyses at the last assembly; while it is equal, the
    album is not assembled again. `version` counts the assemblies and is part of the keys of later
    `album.assembled`. `claimed_until` is the end of the lease under which the
    worker `claimed_by` assembles it now.
    """

    tenant_path: ClassVar = "tenant"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        "accounts.Tenant", on_delete=models.PROTECT, verbose_name=_("tenant")
    )
    channel = models.ForeignKey(
        Channel, on_delete=models.CASCADE, related_name="albums", verbose_name=_("channel")
    )
    grouped_id = models.BigIntegerField(_("group"))
    album_kind = models.CharField(_("kind"), max_length=8, choices=AlbumKind.choices)
    caption_text = models.TextField(_("caption"), blank=True, default="")
    cover_media = models.ForeignKey(
        MediaObject,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("cover"),
    )
    posted_at = models.DateTimeField(_("posted at"))
    items_count = models.PositiveIntegerField(_("items"), default=0)
    content_hash = models.CharField(max_length=64, blank=True, default="")
    meta = models.JSONField(_("meta"), default=dict, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=AlbumStatus.choices, default=AlbumStatus.WAITING
    )
    version = models.PositiveIntegerField(
        _("version"), default=0, help_text=_("how often it was assembled")
    )
    revision = models.PositiveIntegerField(
        _("revision"), default=0, help_text=_("how often its items or caption changed")
    )
    assembled_at = models.DateTimeField(_("assembled at"), null=True, blank=True)
    assembled_fingerprint = models.CharField(max_length=64, blank=True, default="", editable=False)
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    claimed_by = models.UUIDField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = TenantRows()

    class Meta:
        db_table = "media_groups"
        verbose_name = _("album")
        verbose_name_plural = _("albums")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["channel", "grouped_id"], name="media_group_once"),
            models.CheckConstraint(
                condition=Q(album_kind__in=AlbumKind.values), name="media_group_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=AlbumStatus.values), name="media_group_status_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["claimed_by"],
                name="media_group_claimed",
                condition=Q(claimed_by__isnull=False),
            ),
            models.Index(fields=["-posted_at", "-id"], name="media_group_posted_at"),
            # Pages of the API: what is asked for first, then the order, by one index.
            models.Index(fields=["tenant", "-posted_at", "-id"], name="media_group_of_tenant"),
            models.Index(fields=["channel", "-posted_at", "-id"], name="media_group_of_channel"),
            models.Index(
                fields=["updated_at"], name="media_group_waiting", condition=Q(status="waiting")
            ),
            # How many were assembled lately: asked at each look at /health/detailed.
            models.Index(
                fields=["assembled_at"],
                name="media_group_assembled",
                condition=Q(assembled_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.grouped_id}"


class ItemKind(models.TextChoices):
    PHOTO = "photo", _("photo")
    VIDEO = "video", _("video")
    DOCUMENT = "document", _("document")


class MediaGroupItem(models.Model):
    """A post of an album with its position; without a media object its file was never stored."""

    tenant_path: ClassVar = "group__tenant"

    group = models.ForeignKey(
        MediaGroup, on_delete=models.CASCADE, related_name="items", verbose_name=_("album")
    )
    post = models.OneToOneField(
        Post, on_delete=models.CASCADE, related_name="album_item", verbose_name=_("post")
    )
    position = models.PositiveSmallIntegerField(_("position"))
    media_object = models.ForeignKey(
        MediaObject,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("media object"),
    )
    media_kind = models.CharField(_("kind"), max_length=8, choices=ItemKind.choices)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True, default="")
    meta = models.JSONField(_("meta"), default=dict, blank=True)

    objects = TenantRows()

    class Meta:
        db_table = "media_group_items"
        verbose_name = _("item of an album")
        verbose_name_plural = _("items of albums")
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["group", "position"],
                name="media_group_item_position_once",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(
                condition=Q(media_kind__in=ItemKind.values), name="media_group_item_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.position + 1}"
