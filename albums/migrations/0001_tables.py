import django.db.models.constraints
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    replaces = [("albums", "0001_initial"), ("albums", "0002_by_owner")]

    dependencies = [
        ("accounts", "0001_tables"),
        ("media", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="MediaGroup",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("grouped_id", models.BigIntegerField(verbose_name="group")),
                (
                    "album_kind",
                    models.CharField(
                        choices=[("photo", "photos"), ("video", "videos"), ("mixed", "mixed")],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                ("caption_text", models.TextField(blank=True, default="", verbose_name="caption")),
                ("posted_at", models.DateTimeField(verbose_name="posted at")),
                ("items_count", models.PositiveIntegerField(default=0, verbose_name="items")),
                ("content_hash", models.CharField(blank=True, default="", max_length=64)),
                ("meta", models.JSONField(blank=True, default=dict, verbose_name="meta")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting for its items"),
                            ("complete", "complete"),
                            ("partial", "partial"),
                        ],
                        default="waiting",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "version",
                    models.PositiveIntegerField(
                        default=0, help_text="how often it was assembled", verbose_name="version"
                    ),
                ),
                (
                    "revision",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="how often its items or caption changed",
                        verbose_name="revision",
                    ),
                ),
                (
                    "assembled_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="assembled at"),
                ),
                (
                    "assembled_fingerprint",
                    models.CharField(blank=True, default="", editable=False, max_length=64),
                ),
                ("claimed_until", models.DateTimeField(blank=True, editable=False, null=True)),
                ("claimed_by", models.UUIDField(blank=True, editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
                (
                    "channel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="albums",
                        to="media.channel",
                        verbose_name="channel",
                    ),
                ),
                (
                    "cover_media",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="media.mediaobject",
                        verbose_name="cover",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "album",
                "verbose_name_plural": "albums",
                "db_table": "media_groups",
                "indexes": [
                    models.Index(
                        condition=models.Q(("claimed_by__isnull", False)),
                        fields=["claimed_by"],
                        name="media_group_claimed",
                    ),
                    models.Index(fields=["-posted_at", "-id"], name="media_group_posted_at"),
                    models.Index(
                        fields=["tenant", "-posted_at", "-id"], name="media_group_of_tenant"
                    ),
                    models.Index(
                        fields=["channel", "-posted_at", "-id"], name="media_group_of_channel"
                    ),
                    models.Index(
                        condition=models.Q(("status", "waiting")),
                        fields=["updated_at"],
                        name="media_group_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("assembled_at__isnull", False)),
                        fields=["assembled_at"],
                        name="media_group_assembled",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "grouped_id"), name="media_group_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("album_kind__in", ["photo", "video", "mixed"])),
                        name="media_group_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["waiting", "complete", "partial"])),
                        name="media_group_status_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MediaGroupItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(verbose_name="position")),
                (
                    "media_kind",
                    models.CharField(
                        choices=[("photo", "photo"), ("video", "video"), ("document", "document")],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                (
                    "sha256",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="SHA-256"),
                ),
                ("meta", models.JSONField(blank=True, default=dict, verbose_name="meta")),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="albums.mediagroup",
                        verbose_name="album",
                    ),
                ),
                (
                    "media_object",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="media.mediaobject",
                        verbose_name="media object",
                    ),
                ),
                (
                    "post",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="album_item",
                        to="media.post",
                        verbose_name="post",
                    ),
                ),
            ],
            options={
                "verbose_name": "item of an album",
                "verbose_name_plural": "items of albums",
                "db_table": "media_group_items",
                "ordering": ["position"],
                "constraints": [
                    models.UniqueConstraint(
                        deferrable=django.db.models.constraints.Deferrable["DEFERRED"],
                        fields=("group", "position"),
                        name="media_group_item_position_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("media_kind__in", ["photo", "video", "document"])),
                        name="media_group_item_kind_known",
                    ),
                ],
            },
        ),
    ]
