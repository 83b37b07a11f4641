import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.math
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    replaces = [
        ("media", "0001_initial"),
        ("media", "0003_posts_by_owner"),
        ("media", "0004_history"),
        ("media", "0005_telegram"),
        ("media", "0006_pinned"),
        ("media", "0007_telegram_rests"),
    ]

    dependencies = [
        ("accounts", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="Channel",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("tg_channel_id", models.BigIntegerField(verbose_name="Telegram id")),
                (
                    "username",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="username"
                    ),
                ),
                (
                    "title",
                    models.CharField(blank=True, default="", max_length=255, verbose_name="title"),
                ),
                (
                    "kind",
                    models.CharField(blank=True, default="", max_length=32, verbose_name="kind"),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "last_message_id",
                    models.BigIntegerField(blank=True, null=True, verbose_name="last message"),
                ),
                (
                    "last_message_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="last message at"),
                ),
                (
                    "last_parsed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="last parsed at"),
                ),
                ("settings", models.JSONField(blank=True, default=dict, verbose_name="settings")),
                ("as_of", models.CharField(blank=True, default="", editable=False, max_length=64)),
                ("older_fields", models.JSONField(blank=True, default=dict, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="channels",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "channel",
                "verbose_name_plural": "channels",
                "db_table": "channels",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "tg_channel_id"), name="channel_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tg_channel_id__lt", 0)), name="channel_marked_id"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Post",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("telegram_message_id", models.BigIntegerField(verbose_name="message id")),
                (
                    "grouped_id",
                    models.BigIntegerField(
                        blank=True,
                        help_text="negative: found by the import's rule",
                        null=True,
                        verbose_name="album",
                    ),
                ),
                (
                    "source",
                    models.CharField(default="channel", max_length=16, verbose_name="source"),
                ),
                ("content", models.TextField(blank=True, default="", verbose_name="text")),
                ("content_hash", models.CharField(blank=True, default="", max_length=64)),
                ("posted_at", models.DateTimeField(verbose_name="posted at")),
                ("is_edited", models.BooleanField(default=False, verbose_name="edited")),
                (
                    "edited_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="edited at"),
                ),
                (
                    "telegram_post_url",
                    models.CharField(blank=True, default="", max_length=200, verbose_name="link"),
                ),
                (
                    "urls",
                    models.JSONField(blank=True, default=list, verbose_name="links in the text"),
                ),
                ("mentions", models.JSONField(blank=True, default=list, verbose_name="mentions")),
                ("hashtags", models.JSONField(blank=True, default=list, verbose_name="hashtags")),
                ("has_media", models.BooleanField(default=False, verbose_name="has media")),
                (
                    "media_kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("photo", "photo"),
                            ("video", "video"),
                            ("animation", "animation"),
                            ("sticker", "sticker"),
                            ("voice", "voice"),
                            ("video_message", "video message"),
                            ("audio", "audio"),
                            ("document", "document"),
                        ],
                        default="",
                        max_length=16,
                        verbose_name="media kind",
                    ),
                ),
                (
                    "media_state",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("stored", "stored"),
                            ("not_included", "not included in the export"),
                            ("exceeds_limit", "left out by the export's size limit"),
                            ("unavailable", "unavailable in Telegram"),
                            ("paid", "paid media"),
                            ("too_large", "too large for the archive"),
                            ("quota_exceeded", "no room in the bucket"),
                            ("missing", "file missing"),
                            ("empty", "empty file"),
                            ("unreadable", "unreadable file"),
                            ("unsafe_path", "path leaves the export"),
                        ],
                        default="",
                        max_length=16,
                        verbose_name="media state",
                    ),
                ),
                (
                    "media_name",
                    models.CharField(
                        blank=True, default="", max_length=255, verbose_name="file name"
                    ),
                ),
                (
                    "post_author",
                    models.CharField(blank=True, default="", max_length=255, verbose_name="author"),
                ),
                (
                    "via_bot",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="via bot"),
                ),
                (
                    "views_count",
                    models.PositiveBigIntegerField(blank=True, null=True, verbose_name="views"),
                ),
                (
                    "forwards_count",
                    models.PositiveBigIntegerField(blank=True, null=True, verbose_name="forwards"),
                ),
                (
                    "reactions_count",
                    models.PositiveBigIntegerField(default=0, verbose_name="reactions"),
                ),
                (
                    "replies_count",
                    models.PositiveBigIntegerField(blank=True, null=True, verbose_name="replies"),
                ),
                (
                    "reactions",
                    models.JSONField(blank=True, default=list, verbose_name="reactions by kind"),
                ),
                (
                    "engagement_score",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.functions.math.Ln(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.functions.comparison.Coalesce(
                                                    models.F("views_count"), models.Value(0)
                                                ),
                                                "+",
                                                models.Value(1.0),
                                            )
                                        ),
                                        "+",
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.functions.math.Ln(
                                                django.db.models.expressions.CombinedExpression(
                                                    models.F("reactions_count"),
                                                    "+",
                                                    models.Value(1.0),
                                                )
                                            ),
                                            "*",
                                            models.Value(2.0),
                                        ),
                                    ),
                                    "+",
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.functions.math.Ln(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.functions.comparison.Coalesce(
                                                    models.F("forwards_count"), models.Value(0)
                                                ),
                                                "+",
                                                models.Value(1.0),
                                            )
                                        ),
                                        "*",
                                        models.Value(3.0),
                                    ),
                                ),
                                "+",
                                django.db.models.functions.math.Ln(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.functions.comparison.Coalesce(
                                            models.F("replies_count"), models.Value(0)
                                        ),
                                        "+",
                                        models.Value(1.0),
                                    )
                                ),
                            ),
                            "/",
                            models.Value(2.302585092994046),
                        ),
                        output_field=models.FloatField(),
                        verbose_name="engagement",
                    ),
                ),
                (
                    "reply_to_message_id",
                    models.BigIntegerField(blank=True, null=True, verbose_name="reply to"),
                ),
                (
                    "reply_to_chat_id",
                    models.BigIntegerField(blank=True, null=True, verbose_name="reply to chat"),
                ),
                (
                    "forward_from_name",
                    models.CharField(
                        blank=True, default="", max_length=255, verbose_name="forwarded from"
                    ),
                ),
                (
                    "forward_from_chat_id",
                    models.BigIntegerField(blank=True, null=True, verbose_name="forwarded from id"),
                ),
                ("forward_from_message_id", models.BigIntegerField(blank=True, null=True)),
                (
                    "forward_date",
                    models.DateTimeField(blank=True, null=True, verbose_name="forwarded at"),
                ),
                ("is_forward", models.BooleanField(default=False, verbose_name="forward")),
                ("extra", models.JSONField(blank=True, default=dict, verbose_name="other content")),
                (
                    "other_words",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="of places, games, files and buttons; written by the import",
                        verbose_name="words outside of the text",
                    ),
                ),
                (
                    "picture_words",
                    models.TextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="recognized and seen in them; written when they are analyzed",
                        verbose_name="words of its pictures",
                    ),
                ),
                (
                    "deleted_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="in Telegram; by an export that does not have it any more: not later than",
                        null=True,
                        verbose_name="deleted at",
                    ),
                ),
                (
                    "deletion",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("absent", "a later export does not have it"),
                            ("live", "Telegram said so"),
                        ],
                        db_default="",
                        default="",
                        max_length=8,
                        verbose_name="deleted",
                    ),
                ),
                (
                    "source_fingerprint",
                    models.CharField(blank=True, default="", editable=False, max_length=64),
                ),
                (
                    "said_as",
                    models.CharField(blank=True, default="", editable=False, max_length=33),
                ),
                (
                    "fingerprint",
                    models.CharField(blank=True, default="", editable=False, max_length=64),
                ),
                ("revision", models.PositiveIntegerField(default=0, verbose_name="revision")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                ("as_of", models.CharField(blank=True, default="", editable=False, max_length=64)),
                ("older_fields", models.JSONField(blank=True, default=dict, editable=False)),
                ("run_id", models.BigIntegerField(blank=True, editable=False, null=True)),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="posts",
                        to="media.channel",
                        verbose_name="channel",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="posts",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "post",
                "verbose_name_plural": "posts",
                "db_table": "posts",
                "indexes": [
                    models.Index(fields=["-posted_at", "-id"], name="idx_posts_posted_at"),
                    models.Index(fields=["tenant", "-posted_at", "-id"], name="idx_posts_tenant"),
                    models.Index(fields=["channel", "-posted_at", "-id"], name="idx_posts_channel"),
                    models.Index(
                        condition=models.Q(("has_media", True)),
                        fields=["channel", "-posted_at"],
                        name="idx_posts_has_media_true",
                    ),
                    models.Index(
                        condition=models.Q(("grouped_id__isnull", False)),
                        fields=["channel", "grouped_id"],
                        name="idx_posts_with_grouped_id",
                    ),
                    models.Index(
                        condition=models.Q(("run_id__isnull", False)),
                        fields=["channel", "run_id"],
                        name="idx_posts_with_run_id",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at__isnull", False)),
                        fields=["channel", "deleted_at"],
                        name="idx_posts_deleted",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        django.contrib.postgres.search.SearchVector(
                            django.db.models.functions.text.Left("content", 50000),
                            django.db.models.functions.text.Left("other_words", 20000),
                            django.db.models.functions.text.Left("picture_words", 50000),
                            config="russian",
                        ),
                        name="idx_posts_content_words",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "telegram_message_id"), name="ux_posts_chan_msg"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("media_state", ""),
                            (
                                "media_state__in",
                                [
                                    "stored",
                                    "not_included",
                                    "exceeds_limit",
                                    "unavailable",
                                    "paid",
                                    "too_large",
                                    "quota_exceeded",
                                    "missing",
                                    "empty",
                                    "unreadable",
                                    "unsafe_path",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="post_media_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("deleted_at__isnull", True), ("deletion", "")),
                            models.Q(
                                ("deleted_at__isnull", False), ("deletion__in", ["absent", "live"])
                            ),
                            _connector="OR",
                        ),
                        name="post_deletion_has_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ChannelGap",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_id", models.BigIntegerField(verbose_name="first message")),
                ("last_id", models.BigIntegerField(verbose_name="last message")),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("history", "history that is still to be read"),
                            ("not_wanted", "older than was asked for"),
                            ("failed", "could not be read"),
                        ],
                        max_length=16,
                        verbose_name="reason",
                    ),
                ),
                (
                    "code",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="code"),
                ),
                (
                    "detail",
                    models.CharField(
                        blank=True, default="", max_length=1000, verbose_name="detail"
                    ),
                ),
                (
                    "runs",
                    models.PositiveIntegerField(default=0, verbose_name="runs in which it failed"),
                ),
                ("last_run", models.UUIDField(editable=False, null=True)),
                ("is_wanted", models.BooleanField(default=False, editable=False)),
                ("noticed_at", models.DateTimeField(auto_now_add=True, verbose_name="noticed at")),
                (
                    "channel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="gaps",
                        to="media.channel",
                        verbose_name="channel",
                    ),
                ),
            ],
            options={
                "verbose_name": "gap of a channel",
                "verbose_name_plural": "gaps of channels",
                "db_table": "telegram_gaps",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "reason", "first_id"), name="telegram_gap_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("first_id__lte", models.F("last_id"))),
                        name="telegram_gap_is_a_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason__in", ["history", "not_wanted", "failed"])),
                        name="telegram_gap_reason_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ChannelSource",
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
                        choices=[("export", "export"), ("live", "Telegram")], max_length=8
                    ),
                ),
                ("name", models.CharField(max_length=64)),
                ("moment", models.DateTimeField(null=True)),
                ("covered_from", models.BigIntegerField(null=True)),
                ("covered_to", models.BigIntegerField(null=True)),
                ("is_complete", models.BooleanField(default=True)),
                (
                    "channel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sources",
                        to="media.channel",
                    ),
                ),
            ],
            options={
                "verbose_name": "source of a channel",
                "verbose_name_plural": "sources of channels",
                "db_table": "channel_sources",
            },
        ),
        migrations.CreateModel(
            name="ChannelState",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("seen_at", models.DateTimeField()),
                ("title", models.CharField(blank=True, default="", max_length=255)),
                ("username", models.CharField(blank=True, default="", max_length=64)),
                ("kind", models.CharField(blank=True, default="", max_length=32)),
                ("migrated_from", models.BigIntegerField(null=True)),
                ("migrated_to", models.BigIntegerField(null=True)),
                ("is_private", models.BooleanField(default=False)),
                (
                    "channel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="states",
                        to="media.channel",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="states",
                        to="media.channelsource",
                    ),
                ),
            ],
            options={
                "verbose_name": "state of a channel",
                "verbose_name_plural": "states of channels",
                "db_table": "channel_history",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "source", "seen_at"), name="channel_state_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CountsDue",
            fields=[
                (
                    "post",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="counts_due",
                        serialize=False,
                        to="media.post",
                    ),
                ),
                ("due_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "verbose_name": "next reading of counts",
                "verbose_name_plural": "next readings of counts",
                "db_table": "post_counts_due",
            },
        ),
        migrations.CreateModel(
            name="PostSighting",
            fields=[
                (
                    "post",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="sighting",
                        serialize=False,
                        to="media.post",
                    ),
                ),
                ("as_of", models.CharField(max_length=64)),
            ],
            options={
                "verbose_name": "sighting of a post",
                "verbose_name_plural": "sightings of posts",
                "db_table": "post_sightings",
            },
        ),
        migrations.CreateModel(
            name="ImportRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("path", models.CharField(max_length=1000, verbose_name="path")),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="finished at"),
                ),
                (
                    "interrupted_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="interrupted at"),
                ),
                ("worker", models.UUIDField(editable=False, null=True)),
                ("summary", models.JSONField(default=dict, verbose_name="summary")),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "import",
                "verbose_name_plural": "imports",
                "db_table": "import_runs",
            },
        ),
        migrations.CreateModel(
            name="ImportProblem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=64, verbose_name="code")),
                (
                    "message_id",
                    models.BigIntegerField(blank=True, null=True, verbose_name="message id"),
                ),
                ("detail", models.CharField(max_length=1000, verbose_name="detail")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="problems",
                        to="media.importrun",
                        verbose_name="import",
                    ),
                ),
            ],
            options={
                "verbose_name": "problem of an import",
                "verbose_name_plural": "problems of imports",
                "db_table": "import_problems",
            },
        ),
        migrations.AddField(
            model_name="channelsource",
            name="run",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, to="media.importrun"
            ),
        ),
        migrations.CreateModel(
            name="MassDeletion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("posts", models.PositiveIntegerField()),
                ("of_posts", models.PositiveIntegerField()),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mass_deletions",
                        to="media.channel",
                    ),
                ),
            ],
            options={
                "verbose_name": "mass deletion",
                "verbose_name_plural": "mass deletions",
                "db_table": "mass_deletions",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "first_at"), name="mass_deletion_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("of_posts__gt", 0), ("posts__gt", 0)),
                        name="mass_deletion_counts_positive",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MediaObject",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("file_sha256", models.CharField(max_length=64, verbose_name="SHA-256")),
                ("mime", models.CharField(max_length=127, verbose_name="type")),
                ("size_bytes", models.PositiveBigIntegerField(verbose_name="size")),
                ("s3_key", models.CharField(max_length=300, verbose_name="key")),
                (
                    "s3_bucket",
                    models.CharField(blank=True, default="", max_length=100, verbose_name="bucket"),
                ),
                ("width", models.PositiveIntegerField(blank=True, null=True, verbose_name="width")),
                (
                    "height",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="height"),
                ),
                (
                    "duration_seconds",
                    models.FloatField(blank=True, null=True, verbose_name="duration, s"),
                ),
                (
                    "defect",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("broken_image", "broken picture"),
                            ("too_many_pixels", "too many pixels"),
                            ("empty_image", "picture without pixels"),
                        ],
                        default="",
                        help_text="why this picture cannot be looked at",
                        max_length=32,
                        verbose_name="defect",
                    ),
                ),
                (
                    "refs_count",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="of posts and of their versions; kept by triggers",
                        verbose_name="references",
                    ),
                ),
                ("first_seen_at", models.DateTimeField(verbose_name="first seen at")),
                ("last_seen_at", models.DateTimeField(verbose_name="last seen at")),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="media",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "media object",
                "verbose_name_plural": "media objects",
                "db_table": "media_objects",
                "indexes": [
                    models.Index(fields=["mime"], name="idx_media_mime"),
                    models.Index(fields=["size_bytes"], name="idx_media_size"),
                    models.Index(fields=["refs_count"], name="idx_media_refs"),
                    models.Index(fields=["last_seen_at"], name="idx_media_last_seen"),
                    models.Index(
                        condition=models.Q(("refs_count", 0)),
                        fields=["last_seen_at", "id"],
                        name="idx_media_unused",
                    ),
                    models.Index(
                        condition=models.Q(("defect", ""), _negated=True),
                        fields=["tenant"],
                        name="idx_media_defect",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "file_sha256"), name="media_object_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("file_sha256__regex", "^[0-9a-f]{64}$")),
                        name="media_object_sha256_hex",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("size_bytes__gt", 0), ("size_bytes__lte", 41943040)),
                        name="media_object_size_bounds",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("mime__regex", "^(image|video|audio|text|application)/")
                        ),
                        name="media_object_mime_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("defect", ""),
                            ("defect__in", ["broken_image", "too_many_pixels", "empty_image"]),
                            _connector="OR",
                        ),
                        name="media_object_defect_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PinnedMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("telegram_message_id", models.BigIntegerField()),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pinned_messages",
                        to="media.channel",
                    ),
                ),
            ],
            options={
                "verbose_name": "pinned message",
                "verbose_name_plural": "pinned messages",
                "db_table": "pinned_messages",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "telegram_message_id"), name="pinned_message_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PostCounts",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("bucket", models.PositiveSmallIntegerField()),
                ("read_at", models.DateTimeField()),
                ("views", models.BigIntegerField(null=True)),
                ("forwards", models.BigIntegerField(null=True)),
                ("replies", models.BigIntegerField(null=True)),
                ("reactions", models.BigIntegerField(null=True)),
                (
                    "post",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="counts",
                        to="media.post",
                    ),
                ),
            ],
            options={
                "verbose_name": "counts of a post",
                "verbose_name_plural": "counts of posts",
                "db_table": "post_counts",
                "indexes": [models.Index(fields=["read_at"], name="idx_post_counts_read_at")],
                "constraints": [
                    models.UniqueConstraint(fields=("post", "bucket"), name="post_counts_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="PostMedia",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="position")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("primary", "primary"),
                            ("attachment", "attachment"),
                            ("thumbnail", "thumbnail"),
                        ],
                        default="primary",
                        max_length=16,
                        verbose_name="role",
                    ),
                ),
                ("uploaded_at", models.DateTimeField(verbose_name="uploaded at")),
                (
                    "media_object",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="post_media",
                        to="media.mediaobject",
                        verbose_name="media object",
                    ),
                ),
                (
                    "post",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="post_media",
                        to="media.post",
                    ),
                ),
            ],
            options={
                "verbose_name": "media of a post",
                "verbose_name_plural": "media of posts",
                "db_table": "post_media_map",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("post", "media_object"), name="post_media_once"
                    ),
                    models.UniqueConstraint(
                        fields=("post", "position"), name="post_media_position_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["primary", "attachment", "thumbnail"])),
                        name="post_media_role_known",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="post",
            name="media",
            field=models.ManyToManyField(
                related_name="posts",
                through="media.PostMedia",
                to="media.mediaobject",
                verbose_name="media",
            ),
        ),
        migrations.CreateModel(
            name="PostSource",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "post",
                        "source",
                        "version",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("version", models.CharField(blank=True, default="", max_length=32)),
                ("gaps", models.SmallIntegerField(default=0)),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                ("views", models.BigIntegerField(null=True)),
                ("forwards", models.BigIntegerField(null=True)),
                ("replies", models.BigIntegerField(null=True)),
                ("reactions", models.BigIntegerField(null=True)),
                (
                    "post",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="said",
                        to="media.post",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="media.channelsource",
                    ),
                ),
            ],
            options={
                "verbose_name": "source of a post",
                "verbose_name_plural": "sources of posts",
                "db_table": "post_sources",
            },
        ),
        migrations.CreateModel(
            name="PostVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=32)),
                ("edited_at", models.DateTimeField(null=True)),
                ("content", models.JSONField()),
                (
                    "post",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="media.post",
                    ),
                ),
            ],
            options={
                "verbose_name": "version of a post",
                "verbose_name_plural": "versions of posts",
                "db_table": "post_versions",
                "constraints": [
                    models.UniqueConstraint(fields=("post", "key"), name="post_version_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="PostVersionMedia",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "media_object",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="media.mediaobject"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="version_media",
                        to="media.postversion",
                    ),
                ),
            ],
            options={
                "verbose_name": "media of a version",
                "verbose_name_plural": "media of versions",
                "db_table": "post_version_media",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("version", "position"), name="post_version_media_position_once"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="postversion",
            name="media",
            field=models.ManyToManyField(
                related_name="versions", through="media.PostVersionMedia", to="media.mediaobject"
            ),
        ),
        migrations.CreateModel(
            name="TelegramAccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=64, verbose_name="name")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("new", "not signed in"),
                            ("code", "waits for the code"),
                            ("qr", "waits for its QR code to be scanned"),
                            ("password", "waits for the password"),
                            ("ready", "signed in"),
                            ("signed_out", "signed out by Telegram"),
                        ],
                        default="new",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                ("session", models.BinaryField(blank=True, default=b"")),
                ("pending", models.BinaryField(blank=True, default=b"")),
                (
                    "rests_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="rests until"),
                ),
                (
                    "rest_reason",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="reason of the rest"
                    ),
                ),
                ("method_rests", models.JSONField(blank=True, default=dict, editable=False)),
                (
                    "signed_in_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="signed in at"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="telegram_accounts",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "account of Telegram",
                "verbose_name_plural": "accounts of Telegram",
                "db_table": "telegram_accounts",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "name"), name="telegram_account_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["new", "code", "qr", "password", "ready", "signed_out"])
                        ),
                        name="telegram_account_state_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ChannelFeed",
            fields=[
                (
                    "channel",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="feed",
                        serialize=False,
                        to="media.channel",
                        verbose_name="channel",
                    ),
                ),
                ("access_hash", models.BigIntegerField(editable=False)),
                (
                    "state",
                    models.CharField(
                        choices=[("followed", "followed"), ("closed", "cannot be read any more")],
                        default="followed",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                ("cursor", models.BigIntegerField(default=0, verbose_name="read up to")),
                ("top_id", models.BigIntegerField(default=0, verbose_name="newest message")),
                (
                    "rests_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="rests until"),
                ),
                (
                    "rest_reason",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="reason of the rest"
                    ),
                ),
                ("to_join", models.BooleanField(default=False, editable=False)),
                ("read_at", models.DateTimeField(blank=True, null=True, verbose_name="read at")),
                ("added_at", models.DateTimeField(auto_now_add=True, verbose_name="added at")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="feeds",
                        to="media.telegramaccount",
                        verbose_name="account of Telegram",
                    ),
                ),
            ],
            options={
                "verbose_name": "channel read from Telegram",
                "verbose_name_plural": "channels read from Telegram",
                "db_table": "telegram_feeds",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["followed", "closed"])),
                        name="telegram_feed_state_known",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="channelsource",
            constraint=models.UniqueConstraint(
                fields=("channel", "kind", "name"), name="channel_source_once"
            ),
        ),
    ]
