"""Rows from before the trigger; touching a column makes the trigger look them up."""

from django.db import migrations

FORWARD = "UPDATE post_enrichment SET tenant_id = NULL WHERE tenant_id IS NULL"


class Migration(migrations.Migration):
    dependencies = [("vision", "0005_enrichment_owner")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
