"""Tables of the ledger: stored objects and their sums; and reservations."""

import math
import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from accounts.tenant_rows import TenantRows
from storage_quota.keys import KEY_MAX_LENGTH
from storage_quota.models.receipt import PutReceipt
from storage_quota.units import GIB


class ContentType(models.TextChoices):
    MEDIA = "media", _("media")
    VISION = "vision", _("vision")
    CRAWL = "crawl", _("crawl")
    ALBUM = "album", _("album")


def _known_type(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=Q(content_type__in=ContentType.values), name=name)


def _key_in_own_folder(name: str) -> models.CheckConstraint:
    """A key begins `{content_type}/{tenant}/`, so it is charged to the tenant it belongs to."""
    folder = Concat(
        F("content_type"),
        Value("/"),
        Cast(F("tenant"), models.CharField()),
        Value("/"),
        output_field=models.CharField(),
    )
    inside = Func(F("key"), folder, function="starts_with", output_field=models.BooleanField())
    return models.CheckConstraint(condition=inside, name=name)


class TenantUsage(models.Model):
    """
    The ledger's sum for one tenant and content type.

    Whoever changes the entries of that tenant and type locks this row first.
    """

    tenant_path: ClassVar = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="usage", verbose_name=_("tenant")
    )
    content_type = models.CharField(_("type"), max_length=20, choices=ContentType.choices)
    total_bytes = models.BigIntegerField(_("bytes"), default=0)
    total_gb = models.GeneratedField(
        verbose_name=_("GiB"),
        expression=Cast(F("total_bytes"), models.FloatField()) / Value(float(GIB)),
        output_field=models.FloatField(),
        db_persist=True,
    )
    objects_count = models.IntegerField(_("objects"), default=0)
    last_updated = models.DateTimeField(_("last updated"))
    created_at = models.DateTimeField(_("created at"))

    objects = TenantRows()

    class Meta:
        db_table = "tenant_storage_usage"
        verbose_name = _("usage")
        verbose_name_plural = _("usage")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "content_type"], name="uq_tenant_storage_tenant_content"
            ),
            _known_type("tenant_storage_usage_type_known"),
            models.CheckConstraint(
                condition=Q(total_bytes__gte=0), name="tenant_storage_usage_bytes_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(objects_count__gte=0), name="tenant_storage_usage_count_not_negative"
            ),
        ]
        # (tenant_id) comes with the foreign key, (tenant_id, content_type) with the constraint.
        indexes: ClassVar = [
            models.Index(fields=["content_type"], name="tenant_storage_usage_type"),
            models.Index(fields=["last_updated"], name="tenant_storage_usage_updated"),
        ]

    def __str__(self) -> str:
        return str(self.get_content_type_display())


class Purpose(models.TextChoices):
    """Why bytes are reserved. All but uploads are expired when they are made."""

    UPLOAD = "upload", _("upload")
    TOMBSTONE = "tombstone", _("deleting the object")
    ORPHAN = "orphan", _("deleting an orphan")
    RECHECK = "recheck", _("measuring the object again")


class Reservation(models.Model):
    """
    Bytes set aside for one key; made by `services.reserve`, ended by settle or release.

    They count as used as long as the row exists. An expired one may be deleted only by
    `reservations.release`, which first deletes or measures the object in the bucket. One of no
    bytes only says that this remains to be done, see `reservations.readmission`.
    """

    tenant_path: ClassVar = "tenant"

    write_deadline: float = math.inf
    """
    `time.monotonic()` after which the store refuses to write for this reservation, so that no
    object lands after the bucket was examined. Known only in the process that reserved.
    """

    receipt: PutReceipt | None = None
    """What was written for this reservation. Known only in the process that wrote it."""

    unconfirmed: bool = False
    """Whether a put got no answer from the store. Known only in the process that wrote."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="reservations", verbose_name=_("tenant")
    )
    content_type = models.CharField(_("type"), max_length=20, choices=ContentType.choices)
    key = models.CharField(_("key"), max_length=KEY_MAX_LENGTH)
    size_bytes = models.BigIntegerField(_("bytes"))
    purpose = models.CharField(
        _("purpose"), max_length=10, choices=Purpose.choices, default=Purpose.UPLOAD
    )
    contested = models.BooleanField(
        _("contested"),
        default=False,
        help_text=_("Another reservation of the same key was open at the same time."),
    )
    expires_at = models.DateTimeField(_("expires at"))
    may_land_until = models.DateTimeField(
        _("upload may land until"),
        null=True,
        blank=True,
        help_text=_("The store did not answer: the upload may still succeed until then."),
    )
    created_at = models.DateTimeField(_("created at"))
    writer = models.UUIDField(
        null=True,
        blank=True,
        editable=False,
        help_text="`events.workers.liveness` knows whether the process that reserved is alive.",
    )

    objects = TenantRows()

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        constraints: ClassVar = [
            _known_type("reservation_type_known"),
            _key_in_own_folder("reservation_key_in_own_folder"),
            models.CheckConstraint(
                condition=Q(size_bytes__gte=0), name="reservation_size_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(purpose__in=Purpose.values), name="reservation_purpose_known"
            ),
            models.CheckConstraint(
                condition=Q(purpose=Purpose.UPLOAD) | Q(expires_at__lte=F("created_at")),
                name="reservation_other_purposes_expired",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], name="reservation_expires"),
            models.Index(fields=["key"], name="reservation_key"),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.size_bytes} B"

    @classmethod
    def expired(
        cls,
        purpose: Purpose,
        *,
        owner: tuple[uuid.UUID, str],
        key: str,
        size_bytes: int,
        now: datetime,
    ) -> "Reservation":
        """
        Build a reservation that `reservations.release` may end at once; not saved yet.

        `owner` is a tenant's id and a content type.
        """
        tenant_id, content_type = owner
        return cls(
            purpose=purpose,
            tenant_id=tenant_id,
            content_type=content_type,
            key=key,
            size_bytes=size_bytes or 1,  # an empty object, too, needs a row: a reservation is > 0
            expires_at=now,
            created_at=now,
        )


class StoredObject(models.Model):
    """An entry of the ledger: an object in the bucket, and the bytes it takes there."""

    tenant_path: ClassVar = "tenant"

    key = models.CharField(_("key"), max_length=KEY_MAX_LENGTH, primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="objects_stored", verbose_name=_("tenant")
    )
    content_type = models.CharField(_("type"), max_length=20, choices=ContentType.choices)
    size_bytes = models.BigIntegerField(_("bytes"))
    mime = models.CharField(_("MIME type"), max_length=255)
    content_encoding = models.CharField(_("encoding"), max_length=20, blank=True, default="")
    sha256 = models.CharField(_("SHA-256 as stored"), max_length=64, blank=True, default="")
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))
    last_read_at = models.DateTimeField(_("last read at"), null=True, blank=True)
    damaged_at = models.DateTimeField(
        _("found damaged at"),
        null=True,
        blank=True,
        help_text=_("The content is not what was stored; storing it again repairs it."),
    )

    objects = TenantRows()

    class Meta:
        verbose_name = _("stored object")
        verbose_name_plural = _("stored objects")
        constraints: ClassVar = [
            _known_type("stored_object_type_known"),
            _key_in_own_folder("stored_object_key_in_own_folder"),
            models.CheckConstraint(
                condition=Q(size_bytes__gte=0), name="stored_object_size_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(sha256="") | Q(sha256__regex=r"^[0-9a-f]{64}$"),
                name="stored_object_sha256_hex",
            ),
        ]
        indexes: ClassVar = [
            # cleanup.ByAge reads its candidates in this order, page by page.
            models.Index(
                fields=["content_type", "updated_at", "key"], name="stored_object_type_written"
            ),
        ]

    def __str__(self) -> str:
        return self.key
