"""Every enrichment has its owners from here on; lists and sums get their indexes."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

ANALYZED = models.Q(kind="vision", vision_analyzed_at__isnull=False)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("vision", "0006_enrichment_owner_of_old_rows")]
    operations = [
        migrations.AlterField(
            "postenrichment",
            "tenant",
            models.ForeignKey(
                db_index=False,
                editable=False,
                help_text="the post's; written by a trigger",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="storage_quota.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
            "postenrichment",
            "channel",
            models.ForeignKey(
                db_index=False,
                editable=False,
                help_text="the post's; written by a trigger",
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="media.channel",
                verbose_name="channel",
            ),
        ),
        AddIndexConcurrently(
            "postenrichment",
            models.Index(
                fields=["channel", "-vision_analyzed_at", "-id"],
                name="idx_pe_vision_channel",
                condition=ANALYZED,
            ),
        ),
        AddIndexConcurrently(
            "postenrichment",
            models.Index(
                fields=["tenant", "-vision_analyzed_at", "-id"],
                name="idx_pe_vision_list",
                condition=ANALYZED,
            ),
        ),
        AddIndexConcurrently(
            "postenrichment",
            models.Index(
                fields=[
                    "tenant",
                    "vision_provider",
                    "vision_analysis_reason",
                    "vision_is_meme",
                    "vision_class",
                    "vision_tokens_used",
                ],
                name="idx_pe_vision_stats",
                condition=ANALYZED,
            ),
        ),
    ]
