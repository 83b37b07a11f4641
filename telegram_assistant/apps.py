"""The project's own app: it connects the rooms with each other and with Django."""

from django.apps import apps
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules

from events import rooms


class TelegramAssistantConfig(rooms.Room):
    name = "telegram_assistant"

    def ready(self) -> None:
        from telegram_assistant import schedules  # noqa: PLC0415 - models are ready only now
        from telegram_assistant.config import limits_check  # noqa: F401, PLC0415 - as above
        from telegram_assistant.console import roles  # noqa: PLC0415 - see above
        from telegram_assistant.metrics import files  # noqa: PLC0415 - settings come first
        from telegram_assistant.security import file_rights  # noqa: F401, PLC0415 - as above

        _follow_the_scheduler()
        # After django-q2's migrations: its tables are the ones that this writes to.
        post_migrate.connect(schedules.install, sender=apps.get_app_config("django_q"))
        files.tidy()
        roles.register()

    def connect(self) -> None:
        from telegram_assistant.health import host, network  # noqa: PLC0415 - models are ready only now
        from telegram_assistant.security import sessions  # noqa: PLC0415 - as above

        autodiscover_modules("metrics")  # so that a metric is there before it is first used
        host.register()
        network.register()
        sessions.connect()

    def load(self) -> None:
        autodiscover_modules("tasks")  # the scheduler finds them by their names


def _follow_the_scheduler() -> None:
    """django-q2's rows, as far as people change them; what their runs hold is not recorded."""
    from accounts import audit  # noqa: PLC0415 - models are ready only now

    scheduler = apps.get_app_config("django_q")
    audit.follow(scheduler.get_model("Schedule"), by_people=True)
    audit.follow(scheduler.get_model("OrmQ"), leave_out=["payload"], by_people=True)
    for name in ("Success", "Failure"):
        model = scheduler.get_model(name)
        audit.follow(model, leave_out=["args", "kwargs", "result"], by_people=True)
