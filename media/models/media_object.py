"""The stored files that posts share."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.tenant_rows import TenantRows
from media.picture_structure import PictureDefect

MAX_MEDIA_BYTES = 40 * 1024**2
"""Largest stored object (CONTRACT §2.4)."""


class MediaObject(models.Model):
    """A stored file, identified by the SHA-256 of its bytes; posts with the same file share it."""

    tenant_path: ClassVar = "tenant"

    id = models.UUIDField(primary_key=True, editable=False)
    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.PROTECT,
        related_name="media",
        verbose_name=_("tenant"),
    )
    file_sha256 = models.CharField(_("SHA-256"), max_length=64)
    mime = models.CharField(_("type"), max_length=127)
    size_bytes = models.PositiveBigIntegerField(_("size"))
    s3_key = models.CharField(_("key"), max_length=300)
    s3_bucket = models.CharField(_("bucket"), max_length=100, blank=True, default="")
    width = models.PositiveIntegerField(_("width"), null=True, blank=True)
    height = models.PositiveIntegerField(_("height"), null=True, blank=True)
    duration_seconds = models.FloatField(_("duration, s"), null=True, blank=True)
    defect = models.CharField(
        _("defect"),
        max_length=32,
        blank=True,
        default="",
        choices=[
            (PictureDefect.BROKEN_IMAGE.value, _("broken picture")),
            (PictureDefect.TOO_MANY_PIXELS.value, _("too many pixels")),
            (PictureDefect.EMPTY_IMAGE.value, _("picture without pixels")),
        ],
        help_text=_("why this picture cannot be looked at"),
    )
    refs_count = models.PositiveIntegerField(
        _("references"), default=0, help_text=_("of posts and of their versions; kept by triggers")
    )
    first_seen_at = models.DateTimeField(_("first seen at"))
    last_seen_at = models.DateTimeField(_("last seen at"))

    objects = TenantRows()

    class Meta:
        db_table = "media_objects"
        verbose_name = _("media object")
        verbose_name_plural = _("media objects")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "file_sha256"], name="media_object_once"),
            models.CheckConstraint(
                condition=Q(file_sha256__regex=r"^[0-9a-f]{64}$"), name="media_object_sha256_hex"
            ),
            models.CheckConstraint(
                condition=Q(size_bytes__gt=0, size_bytes__lte=MAX_MEDIA_BYTES),
                name="media_object_size_bounds",
            ),
            # CONTRACT §8.1 allows image, video and application; voice messages and text files
            # of real channels need two more.
            models.CheckConstraint(
                condition=Q(mime__regex=r"^(image|video|audio|text|application)/"),
                name="media_object_mime_known",
            ),
            models.CheckConstraint(
                condition=Q(defect="") | Q(defect__in=[d.value for d in PictureDefect]),
                name="media_object_defect_known",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["mime"], name="idx_media_mime"),
            models.Index(fields=["size_bytes"], name="idx_media_size"),
            models.Index(fields=["refs_count"], name="idx_media_refs"),
            models.Index(fields=["last_seen_at"], name="idx_media_last_seen"),
            models.Index(
                fields=["last_seen_at", "id"], name="idx_media_unused", condition=Q(refs_count=0)
            ),
            models.Index(fields=["tenant"], name="idx_media_defect", condition=~Q(defect="")),
        ]

    def __str__(self) -> str:
        return self.file_sha256[:12]
