from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("media", "0006_pinned"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="telegramaccount", name="telegram_account_state_known"
        ),
        migrations.AlterField(
            model_name="telegramaccount",
            name="state",
            field=models.CharField(
                choices=[
                    ("new", "not signed in"),
                    ("code", "waits for the code"),
                    ("qr", "waits for its QR code to be scanned"),
                    ("password", "waits for the password"),
                    ("ready", "signed in"),
                    ("signed_out", "signed out by Telegram"),
                ],
                default="new",
                max_length=16,
                verbose_name="state",
            ),
        ),
        migrations.AddConstraint(
            model_name="telegramaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["new", "code", "qr", "password", "ready", "signed_out"])
                ),
                name="telegram_account_state_known",
            ),
        ),
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
