"""An enrichment knows tenant, channel and class: lists and sums read one index each."""

import django.db.models.deletion
import django.db.models.fields.json
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION enrichment_take_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT tenant_id, channel_id INTO NEW.tenant_id, NEW.channel_id FROM posts WHERE id = NEW.post_id;
    RETURN NEW;
END $$;

CREATE TRIGGER post_enrichment_owner BEFORE INSERT OR UPDATE OF post_id, tenant_id, channel_id
    ON post_enrichment FOR EACH ROW EXECUTE FUNCTION enrichment_take_owner();
"""
BACKWARD = """
DROP TRIGGER post_enrichment_owner ON post_enrichment;
DROP FUNCTION enrichment_take_owner;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("media", "0004_unused_index"),
        ("storage_quota", "0002_membership"),
        ("vision", "0004_picture_looks"),
    ]
    operations = [
        migrations.AddField(
            "postenrichment",
            "tenant",
            models.ForeignKey(
                null=True,
                db_index=False,
                editable=False,
                help_text="the post's; written by a trigger",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="storage_quota.tenant",
                verbose_name="tenant",
            ),
        ),
        migrations.AddField(
            "postenrichment",
            "channel",
            models.ForeignKey(
                null=True,
                db_index=False,
                editable=False,
                help_text="the post's; written by a trigger",
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="media.channel",
                verbose_name="channel",
            ),
        ),
        migrations.AddField(
            "postenrichment",
            "vision_class",
            models.GeneratedField(
                db_persist=True,
                expression=django.db.models.fields.json.KeyTextTransform(
                    "type", "vision_classification"
                ),
                output_field=models.TextField(null=True),
                verbose_name="class",
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
