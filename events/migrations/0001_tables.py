import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    replaces = [("events", "0001_initial")]

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("subscriber", models.CharField(max_length=100, verbose_name="subscriber")),
                ("queue", models.CharField(max_length=50, verbose_name="queue")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("leased", "running"),
                            ("done", "done"),
                            ("dead", "failed"),
                        ],
                        default="pending",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("backfill", models.BooleanField(default=False, verbose_name="backfill")),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                ("leased_by", models.UUIDField(blank=True, null=True, verbose_name="worker")),
                ("due_at", models.DateTimeField(verbose_name="due at")),
                (
                    "error_code",
                    models.CharField(
                        blank=True, default="", max_length=100, verbose_name="error code"
                    ),
                ),
                (
                    "error_details",
                    models.CharField(
                        blank=True, default="", max_length=500, verbose_name="error details"
                    ),
                ),
                (
                    "error_trace",
                    models.CharField(
                        blank=True, default="", max_length=1000, verbose_name="stack trace"
                    ),
                ),
                (
                    "first_failed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="first failed at"),
                ),
                (
                    "last_failed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="last failed at"),
                ),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="finished at"),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True, default="", max_length=100, verbose_name="outcome"
                    ),
                ),
            ],
            options={
                "verbose_name": "task",
                "verbose_name_plural": "tasks",
            },
        ),
        migrations.CreateModel(
            name="Doorbell",
            fields=[
                ("queue", models.CharField(max_length=50, primary_key=True, serialize=False)),
                ("rung_at", models.DateTimeField(null=True)),
                ("began_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "doorbell",
                "verbose_name_plural": "doorbells",
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("host", models.CharField(max_length=255)),
                ("pid", models.PositiveIntegerField()),
                (
                    "queues",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=50), size=None
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "heartbeat",
                "verbose_name_plural": "heartbeats",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="TaskClaim",
            fields=[
                ("task_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("worker", models.UUIDField(null=True)),
                ("attempts", models.PositiveIntegerField(default=1)),
            ],
            options={
                "verbose_name": "claim of a task",
                "verbose_name_plural": "claims of tasks",
            },
        ),
        migrations.CreateModel(
            name="DeadLetter",
            fields=[],
            options={
                "verbose_name": "failed task",
                "verbose_name_plural": "failed tasks",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("events.delivery",),
        ),
        migrations.CreateModel(
            name="OutboxEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("topic", models.CharField(max_length=100, verbose_name="topic")),
                ("version", models.CharField(max_length=10, verbose_name="version")),
                (
                    "idempotency_key",
                    models.CharField(max_length=400, verbose_name="idempotency key"),
                ),
                ("payload", models.JSONField(verbose_name="payload")),
                ("trace_id", models.CharField(max_length=128, verbose_name="trace id")),
                ("tenant_id", models.CharField(max_length=64, verbose_name="tenant")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "events",
                "indexes": [
                    models.Index(fields=["created_at"], name="outbox_event_created"),
                    models.Index(fields=["trace_id"], name="outbox_event_trace"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("topic", "version", "idempotency_key"), name="outbox_event_once"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="delivery",
            name="event",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="events.outboxevent",
                verbose_name="event",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state__in", ("pending", "leased"))),
                fields=["subscriber", "backfill", "due_at", "id"],
                name="delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "leased")),
                fields=["leased_by"],
                name="delivery_leased",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "dead")),
                fields=["subscriber", "id"],
                name="delivery_dead",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=("event", "subscriber"), name="delivery_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "leased", "done", "dead"])),
                name="delivery_state_known",
            ),
        ),
    ]
