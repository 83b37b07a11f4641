"""Perceptual hashes, which picture reuses whose analysis, and what people marked as distinct."""

from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Tenant
from accounts.tenant_rows import TenantRows

BANDS = 13
"""Numbers under which a hash is indexed: one more than the bits two hashes may differ in."""


class PictureHash(models.Model):
    """
    The perceptual hash of a picture of one tenant, and the source of its analysis.

    `same_as` is the source's SHA-256, `distance` the bits between the two hashes. A picture
    that reuses an analysis is never itself a source: small differences would add up, and
    marking two pictures as distinct would have to reach all that reused from either.
    """

    tenant_path: ClassVar = "tenant"

    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("tenant"),
    )
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    hash_size = models.PositiveSmallIntegerField(_("hash size"))
    phash = models.CharField(
        _("perceptual hash"), max_length=256, help_text=_("hexadecimal, low frequencies first")
    )
    bands = ArrayField(models.BigIntegerField(), size=BANDS, editable=False)
    same_as = models.CharField(_("same as"), max_length=64, blank=True, default="")
    distance = models.PositiveSmallIntegerField(_("distance"), null=True, blank=True)
    remembered_at = models.DateTimeField(_("remembered at"), auto_now_add=True)

    objects = TenantRows()

    class Meta:
        db_table = "picture_hashes"
        verbose_name = _("duplicate")
        verbose_name_plural = _("duplicates")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "sha256"], name="picture_hash_once"),
            models.CheckConstraint(
                condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="picture_hash_sha256_hex"
            ),
            models.CheckConstraint(
                condition=Q(phash__regex=r"^[0-9a-f]+$"), name="picture_hash_hex"
            ),
            models.CheckConstraint(
                condition=Q(same_as="", distance__isnull=True)
                | Q(same_as__regex=r"^[0-9a-f]{64}$", distance__isnull=False),
                name="picture_hash_same_as_whole",
            ),
            models.CheckConstraint(
                condition=~Q(same_as=F("sha256")), name="picture_hash_not_itself"
            ),
        ]
        indexes: ClassVar = [
            # fastupdate=False: every search would read through the pending list until a vacuum.
            # Duplicates are not in it: a thousand copies of a meme cost the search nothing.
            GinIndex(
                fields=["bands"],
                name="idx_picture_hash_bands",
                fastupdate=False,
                condition=Q(same_as=""),
            ),
            # Of the duplicates: only whoever asks for posts with like pictures reads it.
            GinIndex(
                fields=["bands"],
                name="idx_picture_hash_copies",
                fastupdate=False,
                condition=~Q(same_as=""),
            ),
            models.Index(
                fields=["tenant", "same_as"],
                name="idx_picture_hash_same_as",
                condition=~Q(same_as=""),
            ),
        ]

    def __str__(self) -> str:
        return self.sha256[:12]


class PictureDistinctionQuerySet(models.QuerySet["PictureDistinction"]):
    def valid(self) -> Self:
        """Marks that nobody has withdrawn."""
        return self.filter(withdrawn_at=None)

    def distinct_from(self, *, tenant: Tenant, sha256: str) -> list[str]:
        """SHA-256 of every picture that a person marked as distinct from this one."""
        either = Q(first_sha256=sha256) | Q(second_sha256=sha256)
        pairs = self.valid().filter(either, tenant=tenant)
        columns = pairs.values_list("first_sha256", "second_sha256")
        return [second if first == sha256 else first for first, second in columns]


class PictureDistinction(models.Model):
    """
    Two pictures that a person marked as distinct; valid until a person withdraws the mark.

    Rows are never deleted: they are the record of who marked what, and when.
    """

    tenant_path: ClassVar = "tenant"

    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("tenant"),
    )
    first_sha256 = models.CharField(_("first picture"), max_length=64)
    second_sha256 = models.CharField(_("second picture"), max_length=64)
    declared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("declared by"),
    )
    declared_at = models.DateTimeField(_("declared at"))
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("withdrawn by"),
    )
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, blank=True)

    objects: ClassVar = TenantRows.from_queryset(PictureDistinctionQuerySet)()

    class Meta:
        db_table = "picture_distinctions"
        verbose_name = _("pictures marked distinct")
        verbose_name_plural = _("pictures marked distinct")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "first_sha256", "second_sha256"],
                name="picture_distinction_once",
                condition=Q(withdrawn_at__isnull=True),
            ),
            models.CheckConstraint(
                condition=Q(first_sha256__lt=F("second_sha256")),
                name="picture_distinction_ordered",
            ),
            models.CheckConstraint(
                condition=Q(
                    first_sha256__regex=r"^[0-9a-f]{64}$", second_sha256__regex=r"^[0-9a-f]{64}$"
                ),
                name="picture_distinction_sha256_hex",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["tenant", "second_sha256"],
                name="idx_picture_distinct_second",
                condition=Q(withdrawn_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_sha256[:12]} ≠ {self.second_sha256[:12]}"
