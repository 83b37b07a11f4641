"""The roof: composes the rooms."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules


class TelegramAssistantConfig(AppConfig):
    name = "telegram_assistant"

    def ready(self) -> None:
        from telegram_assistant import schedules  # noqa: PLC0415 - models are ready only now
        from telegram_assistant.metrics import files  # noqa: PLC0415 - settings come first

        # Of django-q2's app, not of this one: apps without models are not told of migrations.
        post_migrate.connect(schedules.install, sender=apps.get_app_config("django_q"))
        files.tidy()
        autodiscover_modules("metrics")  # so that a metric is there before it is first used
