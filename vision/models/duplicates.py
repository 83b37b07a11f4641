"""Which pictures look alike, and what people said about it."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

BANDS = 13
"""Numbers under which a hash is found: one more than the bits two hashes may differ in."""


class PictureHash(models.Model):
    """
    The perceptual hash of a picture of one tenant.

    A picture that shares the analysis of another (`same_as`) is never offered to a third:
    likeness does not add up, and whoever tells two apart tells apart all that one gave.
    """

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

    class Meta:
        db_table = "picture_hashes"
        verbose_name = _("near-duplicate")
        verbose_name_plural = _("near-duplicates")
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
            # No pending list: it would be read through at every look-up until a vacuum.
            GinIndex(
                fields=["bands"],
                name="idx_picture_hash_bands",
                fastupdate=False,
                condition=Q(same_as=""),
            ),
            models.Index(
                fields=["tenant", "same_as"],
                name="idx_picture_hash_same_as",
                condition=~Q(same_as=""),
            ),
        ]

    def __str__(self) -> str:
        return self.sha256[:12]


class PictureDistinction(models.Model):
    """
    A person said that two pictures are not the same. It stands until a person withdraws it.

    Rows are never deleted, so that who said what, and when, can be read later.
    """

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

    class Meta:
        db_table = "picture_distinctions"
        verbose_name = _("pictures told apart")
        verbose_name_plural = _("pictures told apart")
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
                name="idx_picture_told_apart_second",
                condition=Q(withdrawn_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_sha256[:12]} ≠ {self.second_sha256[:12]}"
