"""The roof: composes the rooms."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class TelegramAssistantConfig(AppConfig):
    name = "telegram_assistant"

    def ready(self) -> None:
        from telegram_assistant import schedules  # noqa: PLC0415 - models are ready only now

        # Of django-q2's app, not of this one: apps without models are not told of migrations.
        post_migrate.connect(schedules.install, sender=apps.get_app_config("django_q"))
