"""Victims of a cleanup are read in the order they were written."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("storage_quota", "0004_settings_help")]
    operations = [
        AddIndexConcurrently(
            "storedobject",
            models.Index(
                fields=["content_type", "updated_at", "key"], name="stored_object_type_written"
            ),
        ),
        RemoveIndexConcurrently("storedobject", "stored_object_type_age"),
    ]
