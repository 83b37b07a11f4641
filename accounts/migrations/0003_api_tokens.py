"""Tokens of the API, and how often somebody may ask."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_audit"),
    ]

    operations = [
        migrations.CreateModel(
            name="RateLimit",
            fields=[
                (
                    "key",
                    models.CharField(
                        max_length=100,
                        primary_key=True,
                        serialize=False,
                        verbose_name="who is counted",
                    ),
                ),
                ("used_until", models.DateTimeField(verbose_name="used until")),
            ],
            options={
                "verbose_name": "rate limit",
                "verbose_name_plural": "rate limits",
                "db_table": "accounts_rate_limit",
                "default_permissions": (),
            },
        ),
        # A request waits for no disk: what is lost in a crash is who asked how often. Rows are
        # updated in place, so pages keep room for that.
        migrations.RunSQL(
            "ALTER TABLE accounts_rate_limit SET UNLOGGED, SET (fillfactor = 50)",
            migrations.RunSQL.noop,
        ),
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("digest", models.CharField(max_length=128)),
                ("token_key", models.CharField(max_length=15, verbose_name="begins with")),
                (
                    "name",
                    models.CharField(
                        help_text="What it is for, such as a program.",
                        max_length=100,
                        verbose_name="name",
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("read", "read"),
                            ("operate", "operate"),
                            ("administer", "administer"),
                        ],
                        default="read",
                        max_length=20,
                        verbose_name="scope",
                    ),
                ),
                (
                    "created",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="created at"
                    ),
                ),
                (
                    "expiry",
                    models.DateTimeField(
                        blank=True,
                        help_text="If empty, never.",
                        null=True,
                        verbose_name="expires at",
                    ),
                ),
                (
                    "last_used_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="last used at"),
                ),
                (
                    "revoked_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="revoked at"),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        blank=True,
                        help_text="If empty, all tenants of the user.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_tokens",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_tokens",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "API token",
                "verbose_name_plural": "API tokens",
                "db_table": "accounts_api_token",
                "constraints": [
                    models.UniqueConstraint(fields=("digest",), name="api_token_digest_once"),
                    models.UniqueConstraint(fields=("token_key",), name="api_token_beginning_once"),
                    models.CheckConstraint(
                        condition=models.Q(("digest__regex", "^[0-9a-f]{128}$")),
                        name="api_token_digest_sha512",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("token_key__regex", "^ta_[0-9a-f]{12}$")),
                        name="api_token_beginning_formed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("scope__in", ["read", "operate", "administer"])),
                        name="api_token_scope_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True), name="api_token_named"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("expiry__isnull", True),
                            ("expiry__gte", models.F("created")),
                            _connector="OR",
                        ),
                        name="api_token_not_over_before_it_begins",
                    ),
                ],
            },
        ),
    ]
