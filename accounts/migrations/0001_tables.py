import accounts.time_zones
import django.contrib.auth.models
import django.contrib.auth.validators
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    replaces = [
        ("accounts", "0001_initial"),
        ("accounts", "0003_api_tokens"),
        ("accounts", "0004_sign_in"),
    ]

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
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
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                (
                    "last_login",
                    models.DateTimeField(blank=True, null=True, verbose_name="last login"),
                ),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                (
                    "first_name",
                    models.CharField(blank=True, max_length=150, verbose_name="first name"),
                ),
                (
                    "last_name",
                    models.CharField(blank=True, max_length=150, verbose_name="last name"),
                ),
                (
                    "email",
                    models.EmailField(blank=True, max_length=254, verbose_name="email address"),
                ),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                (
                    "date_joined",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="date joined"
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        blank=True,
                        choices=[("ru", "Русский"), ("en", "English")],
                        default="",
                        help_text="If empty, the language of the browser is used.",
                        max_length=10,
                        verbose_name="language",
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="If empty, the time zone of the installation is used.",
                        max_length=64,
                        validators=[accounts.time_zones.validate_time_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "notification_address",
                    models.EmailField(
                        blank=True,
                        default="",
                        help_text="If empty, notifications go to the e-mail address of the account.",
                        max_length=254,
                        verbose_name="notification address",
                    ),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "abstract": False,
            },
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="SignInLimit",
            fields=[
                (
                    "key",
                    models.CharField(
                        max_length=120, primary_key=True, serialize=False, verbose_name="key"
                    ),
                ),
                ("failures", models.PositiveIntegerField(verbose_name="failures")),
                (
                    "refused",
                    models.PositiveIntegerField(
                        default=0, verbose_name="refused since the last guess"
                    ),
                ),
                ("last_at", models.DateTimeField(verbose_name="last guess")),
                ("wait_until", models.DateTimeField(verbose_name="wait until")),
            ],
            options={
                "verbose_name": "limit of signing in",
                "verbose_name_plural": "limits of signing in",
                "indexes": [models.Index(fields=["last_at"], name="sign_in_limit_last_at")],
            },
        ),
        migrations.CreateModel(
            name="Tenant",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=200, unique=True, verbose_name="name")),
                (
                    "settings",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text='Sections of settings of its own, for example {"limits": {"media_gb": 1.5}, "vision_policy": {"limits": {"max_daily_tokens_per_tenant": 100000}}, "tagging": {"tagger": "gigachat"}}',
                        verbose_name="settings",
                    ),
                ),
                (
                    "limit_bytes",
                    models.BigIntegerField(
                        blank=True,
                        help_text="Replaces S3_PER_TENANT_LIMIT_GB for this tenant.",
                        null=True,
                        verbose_name="own limit, bytes",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
            ],
            options={
                "verbose_name": "tenant",
                "verbose_name_plural": "tenants",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("limit_bytes__isnull", True), ("limit_bytes__gte", 0), _connector="OR"
                        ),
                        name="tenant_limit_not_negative",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "viewer"),
                            ("operator", "operator"),
                            ("administrator", "administrator"),
                        ],
                        default="viewer",
                        help_text="A viewer reads. An operator also imports, repeats, cleans up and spends tokens. An administrator also decides who belongs to the tenant, and reads the audit.",
                        max_length=20,
                        verbose_name="role",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "membership",
                "verbose_name_plural": "memberships",
                "constraints": [
                    models.UniqueConstraint(fields=("user", "tenant"), name="membership_once"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["viewer", "operator", "administrator"])),
                        name="membership_role_known",
                    ),
                ],
            },
        ),
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
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_tokens",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
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
