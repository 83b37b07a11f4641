"""Pictures that reuse an analysis are found by what they look like, too, not only by whose it is."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("vision", "0004_unanswered_probes")]
    operations = [
        AddIndexConcurrently(
            model_name="picturehash",
            index=django.contrib.postgres.indexes.GinIndex(
                condition=models.Q(("same_as", ""), _negated=True),
                fastupdate=False,
                fields=["bands"],
                name="idx_picture_hash_copies",
            ),
        )
    ]
