from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0001_tables"),
    ]

    operations = [
        migrations.AddField(
            model_name="heartbeat",
            name="clock_ahead",
            # For workers of the release before, which go on while hosts are upgraded.
            field=models.FloatField(db_default=0.0, default=0.0),
        ),
    ]
