"""Rows from before the trigger; setting the column makes the trigger look it up."""

from django.db import migrations

FORWARD = "UPDATE post_enrichment SET tenant_id = NULL WHERE tenant_id IS NULL"


class Migration(migrations.Migration):
    dependencies = [("vision", "0005_enrichment_tenant")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
