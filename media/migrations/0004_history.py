"""What each source said of channels and posts, versions of posts, and their counts by time."""

import django.db.models.deletion
from django.db import migrations, models


TRIGGERS = """
CREATE TRIGGER post_version_media_inserted AFTER INSERT ON post_version_media
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION media_count_refs();
CREATE TRIGGER post_version_media_deleted AFTER DELETE ON post_version_media
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION media_count_refs();
CREATE TRIGGER post_version_media_moved BEFORE UPDATE OF media_object_id ON post_version_media
    FOR EACH ROW WHEN (OLD.media_object_id IS DISTINCT FROM NEW.media_object_id)
    EXECUTE FUNCTION media_refuse_moved_refs();
"""
"""Files of versions are counted like those of posts: no cleanup evicts them."""
NO_TRIGGERS = """
DROP TRIGGER post_version_media_moved ON post_version_media;
DROP TRIGGER post_version_media_deleted ON post_version_media;
DROP TRIGGER post_version_media_inserted ON post_version_media;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("media", "0003_posts_by_owner"),
    ]

    operations = [
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
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="media.importrun",
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
            },
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
            },
        ),
        migrations.AddField(
            model_name="post",
            name="deleted_at",
            field=models.DateTimeField(
                blank=True,
                help_text="in Telegram; by an export that does not have it any more: not later than",
                null=True,
                verbose_name="deleted at",
            ),
        ),
        migrations.AddField(
            model_name="post",
            name="deletion",
            field=models.CharField(
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
        migrations.AddField(
            model_name="post",
            name="said_as",
            field=models.CharField(blank=True, default="", editable=False, max_length=33),
        ),
        migrations.AddIndex(
            model_name="post",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", False)),
                fields=["channel", "deleted_at"],
                name="idx_posts_deleted",
            ),
        ),
        migrations.AddConstraint(
            model_name="post",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("deleted_at__isnull", True), ("deletion", "")),
                    models.Q(("deleted_at__isnull", False), ("deletion__in", ["absent", "live"])),
                    _connector="OR",
                ),
                name="post_deletion_has_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="channelsource",
            constraint=models.UniqueConstraint(
                fields=("channel", "kind", "name"), name="channel_source_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="channelstate",
            constraint=models.UniqueConstraint(
                fields=("channel", "source", "seen_at"), name="channel_state_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="massdeletion",
            constraint=models.UniqueConstraint(
                fields=("channel", "first_at"), name="mass_deletion_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="massdeletion",
            constraint=models.CheckConstraint(
                condition=models.Q(("of_posts__gt", 0), ("posts__gt", 0)),
                name="mass_deletion_counts_positive",
            ),
        ),
        migrations.AddIndex(
            model_name="postcounts",
            index=models.Index(fields=["read_at"], name="idx_post_counts_read_at"),
        ),
        migrations.AddConstraint(
            model_name="postcounts",
            constraint=models.UniqueConstraint(fields=("post", "bucket"), name="post_counts_once"),
        ),
        migrations.AddConstraint(
            model_name="postversionmedia",
            constraint=models.UniqueConstraint(
                fields=("version", "position"), name="post_version_media_position_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="postversion",
            constraint=models.UniqueConstraint(fields=("post", "key"), name="post_version_once"),
        ),
        migrations.AlterField(
            model_name="mediaobject",
            name="refs_count",
            field=models.PositiveIntegerField(
                default=0,
                help_text="of posts and of their versions; kept by triggers",
                verbose_name="references",
            ),
        ),
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
    ]
