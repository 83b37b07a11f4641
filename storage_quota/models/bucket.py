"""The table of what the bucket's server is like; `storage_quota.models` exports it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class BucketState(models.Model):
    """
    The one row about the bucket's server, as `object_store.survey` found it.

    `lacks` has the operations that the server is without or denies, each with which of both.
    `old_bytes` is what old versions hold; it is counted on between two surveys. `upload_bytes` is
    what unfinished uploads hold for which nothing is reserved. Both count against the bucket.
    """

    number = models.PositiveSmallIntegerField(default=1, unique=True, editable=False)
    place = models.CharField(_("address and bucket"), max_length=500, blank=True, default="")
    surveyed_at = models.DateTimeField(_("looked at"))
    lacks = models.JSONField(_("operations it lacks"), default=dict, blank=True)
    versioning = models.CharField(_("versioning"), max_length=20, blank=True, default="")
    expires_old = models.BooleanField(_("a rule deletes old versions"), default=False)
    old_count = models.PositiveBigIntegerField(_("old versions"), default=0)
    old_bytes = models.BigIntegerField(_("bytes of old versions"), default=0)
    uploads_count = models.PositiveBigIntegerField(_("uploads in progress or left"), default=0)
    upload_bytes = models.BigIntegerField(_("bytes of unfinished uploads"), default=0)

    class Meta:
        verbose_name = _("state of the bucket")
        verbose_name_plural = _("state of the bucket")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(number=1), name="bucket_state_only_one"),
            models.CheckConstraint(
                condition=Q(old_bytes__gte=0, upload_bytes__gte=0),
                name="bucket_state_bytes_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.place

    @property
    def keeps_old(self) -> bool:
        """Whether what is replaced or deleted may take space still."""
        return bool(self.versioning)

    @property
    def unlisted_bytes(self) -> int:
        """Bytes that no listing of the objects shows."""
        return self.old_bytes + self.upload_bytes
