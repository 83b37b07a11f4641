"""What no post shows is read in the order it was last seen."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("media", "0003_revision")]
    operations = [
        AddIndexConcurrently(
            "mediaobject",
            models.Index(
                fields=["last_seen_at", "id"], name="idx_media_unused", condition=Q(refs_count=0)
            ),
        ),
    ]
