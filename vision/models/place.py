"""Places of the concurrency limits."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class ConcurrencyPlace(models.Model):
    """
    One call that is in progress, or about to be: a row is made before the call and deleted after.

    `number` is its place among those of the limit called `name`, `tenant_number` among those of
    the tenant. `worker` is the id of the process in `events.workers.liveness`: the place of a worker that
    is gone is freed, the place of one whose connection broke is not.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100)
    number = models.PositiveIntegerField(_("number"))
    tenant = models.CharField(_("tenant"), max_length=100)
    tenant_number = models.PositiveIntegerField(_("number of the tenant"))
    worker = models.UUIDField(_("worker"))
    taken_at = models.DateTimeField(_("taken at"))

    class Meta:
        db_table = "vision_concurrency_place"
        verbose_name = _("call in progress")
        verbose_name_plural = _("calls in progress")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name", "number"], name="concurrency_place_once"),
            models.UniqueConstraint(
                fields=["name", "tenant", "tenant_number"], name="concurrency_place_tenant_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.number}"
