"""
Tables of the outbox: events, and their deliveries to subscribers.

The operator's word for a delivery is task, and for a dead letter failed task.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class OutboxEvent(models.Model):
    """A published event, written in the transaction whose changes it reports."""

    tenant_path: ClassVar = "tenant_id"

    id = models.BigAutoField(primary_key=True)
    topic = models.CharField(_("topic"), max_length=100)
    version = models.CharField(_("version"), max_length=10)
    idempotency_key = models.CharField(_("idempotency key"), max_length=400)
    payload = models.JSONField(_("payload"))
    trace_id = models.CharField(_("trace id"), max_length=128)
    tenant_id = models.CharField(_("tenant"), max_length=64)
    occurred_at = models.DateTimeField(_("occurred at"))
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["topic", "version", "idempotency_key"], name="outbox_event_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["created_at"], name="outbox_event_created"),
            models.Index(fields=["trace_id"], name="outbox_event_trace"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} #{self.pk}"


class DeliveryState(models.TextChoices):
    PENDING = "pending", _("pending")
    LEASED = "leased", _("running")
    DONE = "done", _("done")
    DEAD = "dead", _("failed")


OPEN_STATES = (DeliveryState.PENDING, DeliveryState.LEASED)


class Delivery(models.Model):
    """
    The duty to hand an event to one subscriber.

    `due_at` is the time from which the delivery may be claimed. For a leased delivery that is
    the end of the lease, by which a worker also recognizes its own lease. A lease of a worker
    that is gone (`leased_by`, see `events.workers.liveness`) is ended at once; its time limit only
    catches a worker that hangs. `backfill` deliveries are claimed after all others of their
    subscriber.
    """

    tenant_path: ClassVar = "event__tenant_id"

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(
        OutboxEvent,
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_index=False,  # `delivery_once` begins with it
        verbose_name=_("event"),
    )
    subscriber = models.CharField(_("subscriber"), max_length=100)
    queue = models.CharField(_("queue"), max_length=50)
    state = models.CharField(
        _("state"), max_length=10, choices=DeliveryState.choices, default=DeliveryState.PENDING
    )
    backfill = models.BooleanField(_("backfill"), default=False)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    leased_by = models.UUIDField(_("worker"), null=True, blank=True)
    due_at = models.DateTimeField(_("due at"))
    error_code = models.CharField(_("error code"), max_length=100, blank=True, default="")
    error_details = models.CharField(_("error details"), max_length=500, blank=True, default="")
    error_trace = models.CharField(_("stack trace"), max_length=1000, blank=True, default="")
    first_failed_at = models.DateTimeField(_("first failed at"), null=True, blank=True)
    last_failed_at = models.DateTimeField(_("last failed at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=100, blank=True, default="")

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event", "subscriber"], name="delivery_once"),
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values), name="delivery_state_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["subscriber", "backfill", "due_at", "id"],
                name="delivery_due",
                condition=Q(state__in=("pending", "leased")),
            ),
            models.Index(fields=["leased_by"], name="delivery_leased", condition=Q(state="leased")),
            models.Index(
                fields=["subscriber", "id"], name="delivery_dead", condition=Q(state="dead")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscriber} #{self.pk}"


class Doorbell(models.Model):
    """
    Whether an occasional task of django-q2 is on its way: one, however often it is asked for.

    `began_at` is set while the task works; it stays where its process was killed.
    """

    queue = models.CharField(primary_key=True, max_length=50)
    rung_at = models.DateTimeField(null=True)
    began_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("doorbell")
        verbose_name_plural = _("doorbells")

    def __str__(self) -> str:
        return self.queue


class TaskClaim(models.Model):
    """Which worker took a task out of django-q2's queue, so that it is given back if that is gone."""

    task_id = models.BigIntegerField(primary_key=True)
    worker = models.UUIDField(null=True)
    attempts = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = _("claim of a task")
        verbose_name_plural = _("claims of tasks")

    def __str__(self) -> str:
        return f"task #{self.task_id}"


class Heartbeat(models.Model):
    """
    The sign of life of a worker process, from its start to its end.

    `id` is its id in `events.workers.liveness`. The process renews `seen_at` every few seconds by the clock
    of PostgreSQL, and deletes the row when it ends as asked; see `events.workers.heartbeats`.
    `clock_ahead`: the seconds by which the clock of its host is ahead of PostgreSQL's.
    """

    id = models.UUIDField(primary_key=True)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    queues = ArrayField(models.CharField(max_length=50))
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    clock_ahead = models.FloatField(default=0.0, db_default=0.0)

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")
        default_permissions: ClassVar[tuple[str, ...]] = ()  # nobody edits it by hand

    def __str__(self) -> str:
        return f"{self.host} #{self.pid}"


class DeadLetter(Delivery):
    """A delivery that was given up and waits for a person to decide."""

    class Meta:
        proxy = True
        verbose_name = _("failed task")
        verbose_name_plural = _("failed tasks")
