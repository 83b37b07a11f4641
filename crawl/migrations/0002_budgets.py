import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("crawl", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="crawldomain",
            name="budget",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Pages; 0 fetches nothing of this host. Empty: as for all domains.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(1000000)],
                verbose_name="own budget of an hour",
            ),
        ),
    ]
