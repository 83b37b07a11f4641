"""Who did what, to which object, from where, with what before and after."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.tenant import Tenant

WORDS_MAX_LENGTH = 200
"""Length of a name kept as text: of an actor, an object or a tenant."""


class ActorKind(models.TextChoices):
    USER = "user", pgettext_lazy("actor", "user")
    TOKEN = "token", pgettext_lazy("actor", "token")
    COMMAND = "command", pgettext_lazy("actor", "command")
    SYSTEM = "system", pgettext_lazy("actor", "the installation itself")
    NOBODY = "nobody", pgettext_lazy("actor", "not signed in")


row_changed = Signal()
"""Sent with `row`, `action` (of `AuditEntry.Action`) and `changes`: {field: (before, after)}."""
relation_changed = Signal()
"""Sent with `row`, `field`, `operation` ("add" or "delete") and `others`, the related rows."""


class AuditEntryManager(models.Manager["AuditEntry"]):
    """
    What django-auditlog calls when a row that people edit has changed.

    Its receivers find the model of entries by the setting AUDITLOG_LOGENTRY_MODEL and call these
    two methods, whatever table is behind them. `accounts.audit.following` hears of it.
    """

    def log_create(
        self, instance: models.Model, *, action: int, changes: dict[str, Any] | None, **_: Any
    ) -> None:
        row_changed.send(type(instance), row=instance, action=action, changes=changes)

    def log_m2m_changes(
        self, changed: Iterable[models.Model], instance: models.Model, operation: str, field: str
    ) -> None:
        relation_changed.send(
            type(instance), row=instance, field=field, operation=operation, others=changed
        )


class AuditEntry(models.Model):
    """
    One thing that somebody did. Only added, never changed: triggers of the database see to it.

    The entry keeps the names of the actor, the object and the tenant as text and holds no foreign
    key that the database enforces, so that it outlives all three unchanged. This is why the
    abstract model of django-auditlog is not used: its keys would delete or update entries with
    what they point to, and an entry without an object, such as a failed sign-in, has no place in
    it. Its signals, its differences and its masks are used.
    """

    tenant_path: ClassVar = "tenant"

    class Action:
        """The numbers by which django-auditlog says what happened to a row."""

        CREATE = 0
        UPDATE = 1
        DELETE = 2
        ACCESS = 3

    at = models.DateTimeField(_("time"), default=timezone.now)
    event = models.CharField(_("event"), max_length=64)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        verbose_name=_("account"),
    )
    actor_kind = models.CharField(_("kind of actor"), max_length=10, choices=ActorKind.choices)
    actor_name = models.CharField(_("who"), max_length=WORDS_MAX_LENGTH, blank=True, default="")
    address = models.CharField(_("from where"), max_length=64, blank=True, default="")
    trace_id = models.CharField(_("trace id"), max_length=128, blank=True, default="")
    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        verbose_name=_("tenant"),
    )
    tenant_name = models.CharField(
        _("name of the tenant"), max_length=WORDS_MAX_LENGTH, blank=True, default=""
    )
    object_kind = models.CharField(_("kind of object"), max_length=80, blank=True, default="")
    object_key = models.CharField(_("object id"), max_length=255, blank=True, default="")
    object_name = models.CharField(_("object"), max_length=WORDS_MAX_LENGTH, blank=True, default="")
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)

    objects = AuditEntryManager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit")
        ordering = ("-at", "-id")
        indexes: ClassVar = [
            models.Index(fields=["-at", "-id"], name="audit_at"),
            models.Index(fields=["event", "-at"], name="audit_event"),
            models.Index(fields=["tenant", "-at"], name="audit_tenant"),
            models.Index(fields=["actor_name", "-at"], name="audit_actor"),
            models.Index(fields=["object_kind", "object_key"], name="audit_object"),
            models.Index(fields=["trace_id"], name="audit_trace"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.object_name}".strip()
