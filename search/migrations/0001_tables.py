import django.contrib.postgres.fields
import django.contrib.postgres.search
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    replaces = [
        ("search", "0001_initial"),
        ("search", "0004_embeddings"),
        ("search", "0006_saved_searches"),
    ]

    dependencies = [
        ("accounts", "0001_tables"),
        ("accounts", "__first__"),
        ("media", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="EmbeddingModel",
            fields=[
                (
                    "name",
                    models.CharField(
                        max_length=300, primary_key=True, serialize=False, verbose_name="model"
                    ),
                ),
                ("specification", models.JSONField(default=dict, verbose_name="settings")),
                ("dimension", models.PositiveIntegerField(default=0, verbose_name="dimension")),
                ("serves", models.BooleanField(default=False, verbose_name="serves")),
                ("is_wanted", models.BooleanField(default=False, verbose_name="wanted")),
                ("wanted_since", models.DateTimeField(verbose_name="wanted since")),
                (
                    "checked_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="checked at"),
                ),
            ],
            options={
                "verbose_name": "model of the search",
                "verbose_name_plural": "models of the search",
                "db_table": "search_models",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("serves", True)),
                        fields=("serves",),
                        name="search_model_one_serves",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_wanted", True)),
                        fields=("is_wanted",),
                        name="search_model_one_is_wanted",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SavedSearch",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("text", models.TextField(verbose_name="query")),
                ("is_paused", models.BooleanField(default=False, verbose_name="paused")),
                ("since", models.DateTimeField(verbose_name="since")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_searches",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "saved search",
                "verbose_name_plural": "saved searches",
                "db_table": "search_saved",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("name", ""), _negated=True),
                            models.Q(("text", ""), _negated=True),
                        ),
                        name="saved_search_filled",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SearchDocument",
            fields=[
                (
                    "post",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search_document",
                        serialize=False,
                        to="media.post",
                        verbose_name="post",
                    ),
                ),
                ("album_id", models.BigIntegerField(blank=True, null=True, verbose_name="album")),
                ("posted_at", models.DateTimeField(verbose_name="posted at")),
                ("words", django.contrib.postgres.search.SearchVectorField()),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="tags",
                    ),
                ),
                (
                    "has",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="has",
                    ),
                ),
                (
                    "lang",
                    models.CharField(blank=True, default="", max_length=8, verbose_name="language"),
                ),
                ("sender", models.TextField(blank=True, default="", verbose_name="author")),
                ("is_meme", models.BooleanField(default=False, verbose_name="meme")),
                ("classification", models.TextField(blank=True, default="", verbose_name="class")),
                ("document_hash", models.CharField(editable=False, max_length=64)),
                ("text_hash", models.CharField(editable=False, max_length=64)),
                ("indexed_at", models.DateTimeField(verbose_name="indexed at")),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="media.channel",
                        verbose_name="channel",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "search document",
                "verbose_name_plural": "search documents",
                "db_table": "search_documents",
                "indexes": [
                    models.Index(fields=["tenant", "-posted_at", "post"], name="idx_search_newest"),
                    models.Index(
                        fields=["channel", "-posted_at", "post"], name="idx_search_channel"
                    ),
                    models.Index(
                        condition=models.Q(("album_id__isnull", False)),
                        fields=["album_id"],
                        name="idx_search_album",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SearchMatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("matched_at", models.DateTimeField(verbose_name="matched at")),
                ("seen_at", models.DateTimeField(blank=True, null=True, verbose_name="seen at")),
                (
                    "post",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="media.post",
                        verbose_name="post",
                    ),
                ),
                (
                    "saved_search",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="matches",
                        to="search.savedsearch",
                        verbose_name="saved search",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "match of a saved search",
                "verbose_name_plural": "matches of saved searches",
                "db_table": "search_match",
                "indexes": [
                    models.Index(fields=["saved_search", "-id"], name="idx_search_match_newest"),
                    models.Index(
                        condition=models.Q(("seen_at__isnull", True)),
                        fields=["saved_search"],
                        name="idx_search_match_unseen",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("saved_search", "post"), name="search_match_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SearchWord",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "word",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("word", models.TextField(db_collation="C", verbose_name="word")),
                ("posts", models.BigIntegerField(default=0, verbose_name="posts")),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "word of the index",
                "verbose_name_plural": "words of the index",
                "db_table": "search_words",
            },
        ),
        migrations.CreateModel(
            name="WaitingPost",
            fields=[
                (
                    "post_id",
                    models.UUIDField(primary_key=True, serialize=False, verbose_name="post"),
                ),
                ("posted_at", models.DateTimeField(verbose_name="posted at")),
                ("since", models.DateTimeField(verbose_name="waits since")),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "post without a vector",
                "verbose_name_plural": "posts without vectors",
                "db_table": "search_waiting_posts",
                "indexes": [
                    models.Index(
                        fields=["-posted_at", "post_id"], name="idx_search_waiting_newest"
                    ),
                    models.Index(fields=["tenant", "since"], name="idx_search_waiting_tenant"),
                    models.Index(fields=["since"], name="idx_search_waiting_since"),
                ],
            },
        ),
    ]
