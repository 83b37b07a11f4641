import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.text
import django.db.models.lookups
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    replaces = [("storage_quota", "0001_initial")]

    dependencies = [
        ("accounts", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="BucketState",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "number",
                    models.PositiveSmallIntegerField(default=1, editable=False, unique=True),
                ),
                (
                    "place",
                    models.CharField(
                        blank=True, default="", max_length=500, verbose_name="address and bucket"
                    ),
                ),
                ("surveyed_at", models.DateTimeField(verbose_name="looked at")),
                (
                    "lacks",
                    models.JSONField(blank=True, default=dict, verbose_name="operations it lacks"),
                ),
                (
                    "versioning",
                    models.CharField(
                        blank=True, default="", max_length=20, verbose_name="versioning"
                    ),
                ),
                (
                    "expires_old",
                    models.BooleanField(default=False, verbose_name="a rule deletes old versions"),
                ),
                (
                    "old_count",
                    models.PositiveBigIntegerField(default=0, verbose_name="old versions"),
                ),
                (
                    "old_bytes",
                    models.BigIntegerField(default=0, verbose_name="bytes of old versions"),
                ),
                (
                    "uploads_count",
                    models.PositiveBigIntegerField(
                        default=0, verbose_name="uploads in progress or left"
                    ),
                ),
                (
                    "upload_bytes",
                    models.BigIntegerField(default=0, verbose_name="bytes of unfinished uploads"),
                ),
            ],
            options={
                "verbose_name": "state of the bucket",
                "verbose_name_plural": "state of the bucket",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("number", 1)), name="bucket_state_only_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("old_bytes__gte", 0), ("upload_bytes__gte", 0)),
                        name="bucket_state_bytes_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Installation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "number",
                    models.PositiveSmallIntegerField(default=1, editable=False, unique=True),
                ),
                (
                    "marked_at",
                    models.DateTimeField(
                        blank=True, help_text="when the bucket was marked as ours", null=True
                    ),
                ),
            ],
            options={
                "verbose_name": "installation",
                "verbose_name_plural": "installations",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("number", 1)), name="installation_only_one"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="IntegrityCheck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "not finished"), ("done", "done"), ("failed", "failed")],
                        default="open",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                (
                    "reason",
                    models.CharField(blank=True, default="", max_length=500, verbose_name="reason"),
                ),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                ("worked_at", models.DateTimeField(verbose_name="last run at")),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="finished at"),
                ),
                ("seconds", models.FloatField(default=0, verbose_name="duration, s")),
                ("cursor", models.TextField(blank=True, default="", verbose_name="compared up to")),
                ("sample_percent", models.FloatField(verbose_name="sample, %")),
                ("sample_from", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "entries",
                    models.PositiveBigIntegerField(default=0, verbose_name="entries of the ledger"),
                ),
                (
                    "objects_listed",
                    models.PositiveBigIntegerField(default=0, verbose_name="objects in the bucket"),
                ),
                (
                    "objects_read",
                    models.PositiveBigIntegerField(default=0, verbose_name="objects read"),
                ),
                (
                    "bytes_read",
                    models.PositiveBigIntegerField(default=0, verbose_name="bytes read"),
                ),
                (
                    "too_young",
                    models.PositiveBigIntegerField(
                        default=0,
                        help_text="being written or deleted, or not in the ledger and younger than the grace",
                        verbose_name="too young to judge",
                    ),
                ),
            ],
            options={
                "verbose_name": "check of the storage",
                "verbose_name_plural": "checks of the storage",
                "indexes": [models.Index(fields=["-finished_at"], name="integrity_check_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["open", "done", "failed"])),
                        name="integrity_check_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished_at__isnull", False), ("state", "done")),
                            models.Q(
                                models.Q(("state", "done"), _negated=True),
                                ("finished_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="integrity_check_done_is_finished",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("sample_percent__gte", 0), ("sample_percent__lte", 100)
                        ),
                        name="integrity_check_sample_percent",
                    ),
                    models.UniqueConstraint(
                        django.db.models.lookups.IsNull(models.F("finished_at"), True),
                        condition=models.Q(("finished_at__isnull", True)),
                        name="integrity_check_one_unfinished",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Orphan",
            fields=[
                (
                    "key",
                    models.CharField(
                        max_length=1024, primary_key=True, serialize=False, verbose_name="key"
                    ),
                ),
                ("size_bytes", models.BigIntegerField(verbose_name="bytes")),
                ("etag", models.CharField(blank=True, default="", max_length=100)),
                ("modified_at", models.DateTimeField(verbose_name="modified at")),
                ("found_at", models.DateTimeField(verbose_name="found at")),
                ("seen_at", models.DateTimeField(verbose_name="last seen at")),
                (
                    "delete_after",
                    models.DateTimeField(blank=True, null=True, verbose_name="deleted after"),
                ),
                (
                    "foreign",
                    models.BooleanField(
                        default=False,
                        help_text="in no tenant's folder: never deleted by this product",
                        verbose_name="foreign",
                    ),
                ),
                ("accepted", models.BooleanField(default=False, verbose_name="accepted")),
            ],
            options={
                "verbose_name": "object missing from the ledger",
                "verbose_name_plural": "objects missing from the ledger",
                "indexes": [models.Index(fields=["delete_after"], name="orphan_delete_after")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("size_bytes__gte", 0)), name="orphan_size_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("foreign", False), ("delete_after__isnull", True), _connector="OR"
                        ),
                        name="orphan_foreign_is_never_deleted",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="IntegrityFinding",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("missing", "missing"),
                            ("orphaned", "not in the ledger"),
                            ("wrong_size", "wrong size"),
                            ("wrong_hash", "wrong content"),
                            ("usage_drift", "wrong sum"),
                            ("leaked_reservation", "reservation never released"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("key", models.CharField(max_length=1024, verbose_name="key")),
                (
                    "expected",
                    models.CharField(
                        blank=True, default="", max_length=100, verbose_name="in the ledger"
                    ),
                ),
                (
                    "found",
                    models.CharField(
                        blank=True, default="", max_length=100, verbose_name="in the bucket"
                    ),
                ),
                ("found_at", models.DateTimeField(verbose_name="found at")),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("forgotten", "removed from the ledger"),
                            ("quarantined", "in quarantine"),
                            ("corrected", "ledger corrected"),
                            ("damaged", "marked as damaged"),
                            ("released", "reservation released"),
                            ("restored", "restored from an old version"),
                            ("right", "no longer different"),
                        ],
                        default="",
                        max_length=12,
                        verbose_name="outcome",
                    ),
                ),
                (
                    "resolved_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="resolved at"),
                ),
                (
                    "check_run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="findings",
                        to="storage_quota.integritycheck",
                        verbose_name="check",
                    ),
                ),
            ],
            options={
                "verbose_name": "difference",
                "verbose_name_plural": "differences",
                "indexes": [
                    models.Index(
                        condition=models.Q(("outcome", "")),
                        fields=["check_run"],
                        name="integrity_finding_open",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("check_run", "kind", "key"), name="integrity_finding_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "missing",
                                    "orphaned",
                                    "wrong_size",
                                    "wrong_hash",
                                    "usage_drift",
                                    "leaked_reservation",
                                ],
                            )
                        ),
                        name="integrity_finding_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("outcome", ""),
                            (
                                "outcome__in",
                                [
                                    "forgotten",
                                    "quarantined",
                                    "corrected",
                                    "damaged",
                                    "released",
                                    "restored",
                                    "right",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="integrity_finding_outcome_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Reservation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "content_type",
                    models.CharField(
                        choices=[
                            ("media", "media"),
                            ("vision", "vision"),
                            ("crawl", "crawl"),
                            ("album", "album"),
                        ],
                        max_length=20,
                        verbose_name="type",
                    ),
                ),
                ("key", models.CharField(max_length=1024, verbose_name="key")),
                ("size_bytes", models.BigIntegerField(verbose_name="bytes")),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("upload", "upload"),
                            ("tombstone", "deleting the object"),
                            ("orphan", "deleting an orphan"),
                            ("recheck", "measuring the object again"),
                        ],
                        default="upload",
                        max_length=10,
                        verbose_name="purpose",
                    ),
                ),
                (
                    "contested",
                    models.BooleanField(
                        default=False,
                        help_text="Another reservation of the same key was open at the same time.",
                        verbose_name="contested",
                    ),
                ),
                ("expires_at", models.DateTimeField(verbose_name="expires at")),
                (
                    "may_land_until",
                    models.DateTimeField(
                        blank=True,
                        help_text="The store did not answer: the upload may still succeed until then.",
                        null=True,
                        verbose_name="upload may land until",
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                (
                    "writer",
                    models.UUIDField(
                        blank=True,
                        editable=False,
                        help_text="`events.workers.liveness` knows whether the process that reserved is alive.",
                        null=True,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reservations",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "reservation",
                "verbose_name_plural": "reservations",
                "indexes": [
                    models.Index(fields=["expires_at"], name="reservation_expires"),
                    models.Index(fields=["key"], name="reservation_key"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("content_type__in", ["media", "vision", "crawl", "album"])
                        ),
                        name="reservation_type_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Func(
                            models.F("key"),
                            django.db.models.functions.text.Concat(
                                models.F("content_type"),
                                models.Value("/"),
                                django.db.models.functions.comparison.Cast(
                                    models.F("tenant"), models.CharField()
                                ),
                                models.Value("/"),
                                output_field=models.CharField(),
                            ),
                            function="starts_with",
                            output_field=models.BooleanField(),
                        ),
                        name="reservation_key_in_own_folder",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("size_bytes__gte", 0)),
                        name="reservation_size_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("purpose__in", ["upload", "tombstone", "orphan", "recheck"])
                        ),
                        name="reservation_purpose_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("purpose", "upload"),
                            ("expires_at__lte", models.F("created_at")),
                            _connector="OR",
                        ),
                        name="reservation_other_purposes_expired",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StoredObject",
            fields=[
                (
                    "key",
                    models.CharField(
                        max_length=1024, primary_key=True, serialize=False, verbose_name="key"
                    ),
                ),
                (
                    "content_type",
                    models.CharField(
                        choices=[
                            ("media", "media"),
                            ("vision", "vision"),
                            ("crawl", "crawl"),
                            ("album", "album"),
                        ],
                        max_length=20,
                        verbose_name="type",
                    ),
                ),
                ("size_bytes", models.BigIntegerField(verbose_name="bytes")),
                ("mime", models.CharField(max_length=255, verbose_name="MIME type")),
                (
                    "content_encoding",
                    models.CharField(
                        blank=True, default="", max_length=20, verbose_name="encoding"
                    ),
                ),
                (
                    "sha256",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="SHA-256 as stored"
                    ),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("updated_at", models.DateTimeField(verbose_name="updated at")),
                (
                    "last_read_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="last read at"),
                ),
                (
                    "damaged_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="The content is not what was stored; storing it again repairs it.",
                        null=True,
                        verbose_name="found damaged at",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="objects_stored",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "stored object",
                "verbose_name_plural": "stored objects",
                "indexes": [
                    models.Index(
                        fields=["content_type", "updated_at", "key"],
                        name="stored_object_type_written",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("content_type__in", ["media", "vision", "crawl", "album"])
                        ),
                        name="stored_object_type_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Func(
                            models.F("key"),
                            django.db.models.functions.text.Concat(
                                models.F("content_type"),
                                models.Value("/"),
                                django.db.models.functions.comparison.Cast(
                                    models.F("tenant"), models.CharField()
                                ),
                                models.Value("/"),
                                output_field=models.CharField(),
                            ),
                            function="starts_with",
                            output_field=models.BooleanField(),
                        ),
                        name="stored_object_key_in_own_folder",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("size_bytes__gte", 0)),
                        name="stored_object_size_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("sha256", ""), ("sha256__regex", "^[0-9a-f]{64}$"), _connector="OR"
                        ),
                        name="stored_object_sha256_hex",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TenantUsage",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "content_type",
                    models.CharField(
                        choices=[
                            ("media", "media"),
                            ("vision", "vision"),
                            ("crawl", "crawl"),
                            ("album", "album"),
                        ],
                        max_length=20,
                        verbose_name="type",
                    ),
                ),
                ("total_bytes", models.BigIntegerField(default=0, verbose_name="bytes")),
                (
                    "total_gb",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.expressions.CombinedExpression(
                            django.db.models.functions.comparison.Cast(
                                models.F("total_bytes"), models.FloatField()
                            ),
                            "/",
                            models.Value(1073741824.0),
                        ),
                        output_field=models.FloatField(),
                        verbose_name="GiB",
                    ),
                ),
                ("objects_count", models.IntegerField(default=0, verbose_name="objects")),
                ("last_updated", models.DateTimeField(verbose_name="last updated")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="usage",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "usage",
                "verbose_name_plural": "usage",
                "db_table": "tenant_storage_usage",
                "indexes": [
                    models.Index(fields=["content_type"], name="tenant_storage_usage_type"),
                    models.Index(fields=["last_updated"], name="tenant_storage_usage_updated"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "content_type"), name="uq_tenant_storage_tenant_content"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("content_type__in", ["media", "vision", "crawl", "album"])
                        ),
                        name="tenant_storage_usage_type_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("total_bytes__gte", 0)),
                        name="tenant_storage_usage_bytes_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("objects_count__gte", 0)),
                        name="tenant_storage_usage_count_not_negative",
                    ),
                ],
            },
        ),
    ]
