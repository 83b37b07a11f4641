"""The roof: composes the rooms."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TelegramAssistantConfig(AppConfig):
    name = "telegram_assistant"

    def ready(self) -> None:
        from telegram_assistant import schedules  # noqa: PLC0415 - models are ready only now

        post_migrate.connect(schedules.install, sender=self)
