"""The table of the audit, and the triggers that let it only grow."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


FORWARD = """
CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The pruning names its bound for its own transaction; nothing of the last 30 days goes anyway.
    IF TG_OP = 'DELETE' THEN
        IF OLD.at < NULLIF(current_setting('audit.prune_before', true), '')::timestamptz
           AND OLD.at < now() - interval '30 days' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% of audit entries is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER audit_rows_stay BEFORE UPDATE OR DELETE ON accounts_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_only_grows();
CREATE TRIGGER audit_table_stays BEFORE TRUNCATE ON accounts_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows();
"""
BACKWARD = """
DROP TRIGGER audit_table_stays ON accounts_auditentry;
DROP TRIGGER audit_rows_stay ON accounts_auditentry;
DROP FUNCTION audit_only_grows();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="time"),
                ),
                ("event", models.CharField(max_length=64, verbose_name="event")),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("user", "user"),
                            ("token", "token"),
                            ("command", "command"),
                            ("system", "the installation itself"),
                            ("nobody", "not signed in"),
                        ],
                        max_length=10,
                        verbose_name="kind of actor",
                    ),
                ),
                (
                    "actor_name",
                    models.CharField(blank=True, default="", max_length=200, verbose_name="who"),
                ),
                (
                    "address",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="from where"
                    ),
                ),
                (
                    "trace_id",
                    models.CharField(
                        blank=True, default="", max_length=128, verbose_name="trace id"
                    ),
                ),
                (
                    "tenant_name",
                    models.CharField(
                        blank=True, default="", max_length=200, verbose_name="name of the tenant"
                    ),
                ),
                (
                    "object_kind",
                    models.CharField(
                        blank=True, default="", max_length=80, verbose_name="kind of object"
                    ),
                ),
                (
                    "object_key",
                    models.CharField(
                        blank=True, default="", max_length=255, verbose_name="object id"
                    ),
                ),
                (
                    "object_name",
                    models.CharField(blank=True, default="", max_length=200, verbose_name="object"),
                ),
                ("before", models.JSONField(null=True, verbose_name="before")),
                ("after", models.JSONField(null=True, verbose_name="after")),
                (
                    "actor",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="account",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit",
                "ordering": ("-at", "-id"),
                "indexes": [
                    models.Index(fields=["-at", "-id"], name="audit_at"),
                    models.Index(fields=["event", "-at"], name="audit_event"),
                    models.Index(fields=["tenant", "-at"], name="audit_tenant"),
                    models.Index(fields=["actor_name", "-at"], name="audit_actor"),
                    models.Index(fields=["object_kind", "object_key"], name="audit_object"),
                    models.Index(fields=["trace_id"], name="audit_trace"),
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.CreateModel(
            name="KnownSettings",
            fields=[
                ("role", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("values", models.JSONField(default=dict)),
                ("noted_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name": "settings of the last start",
                "verbose_name_plural": "settings of the last start",
            },
        ),
    ]
