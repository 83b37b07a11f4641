"""Probes of a provider that were not answered; each doubles the time without probes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("vision", "0003_asked_at"),
    ]

    operations = [
        migrations.AddField(
            model_name="providerhealth",
            name="unanswered_probes",
            field=models.PositiveIntegerField(
                db_default=0, default=0, verbose_name="unanswered probes in a row"
            ),
        ),
    ]
