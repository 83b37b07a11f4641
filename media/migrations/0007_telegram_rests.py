from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("media", "0005_telegram"),
    ]

    operations = [
        migrations.AddField(
            model_name="telegramaccount",
            name="method_rests",
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.AddField(
            model_name="channelfeed",
            name="to_join",
            field=models.BooleanField(default=False, editable=False),
        ),
    ]
