import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_sign_in"),
        ("search", "0003_tombstones"),
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
