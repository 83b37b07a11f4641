"""What sources say of messages whose posts come later, if ever."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("media", "0002_counting")]

    operations = [
        migrations.CreateModel(
            name="MessageSource",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("telegram_message_id", models.BigIntegerField()),
                ("version", models.CharField(max_length=32)),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                (
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="media.channelsource",
                    ),
                ),
            ],
            options={
                "verbose_name": "source of a message without a post",
                "verbose_name_plural": "sources of messages without posts",
                "db_table": "message_sources",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("source", "telegram_message_id", "version"),
                        name="message_source_once",
                    )
                ],
            },
        ),
        migrations.AlterField(
            model_name="post",
            name="deleted_at",
            field=models.DateTimeField(
                blank=True,
                help_text="in Telegram: when that was noticed, or the date of the export that lacks it",
                null=True,
                verbose_name="deleted at",
            ),
        ),
    ]
