"""Enrichments are found by the objects they point to, when those are evicted."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("vision", "0002_picture_hashes")]
    operations = [
        AddIndexConcurrently(
            "postenrichment", GinIndex(fields=["s3_vision_keys"], name="idx_pe_s3_vision")
        ),
        AddIndexConcurrently(
            "postenrichment", GinIndex(fields=["s3_crawl_keys"], name="idx_pe_s3_crawl")
        ),
    ]
