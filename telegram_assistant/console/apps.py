"""The app of the console: its site, and names for the apps of others."""

import importlib
from typing import Final

from django.apps import apps
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _

NAMES: Final = {"django_q": _("Scheduler")}
"""Names of apps whose own names have no translation."""
SCHEDULER: Final = {
    "django_q.Schedule": (_("schedule"), _("schedules")),
    "django_q.OrmQ": (_("queued run"), _("queued runs")),
    "django_q.Failure": (_("failed run"), _("failed runs")),
    "django_q.Success": (_("finished run"), _("finished runs")),
}
"""Names of django-q2's models. Its own word is task, which here means a delivery."""


class ConsoleConfig(AdminConfig):
    default_site = "telegram_assistant.console.admin_site.ConsoleSite"

    def ready(self) -> None:
        super().ready()
        for label, name in NAMES.items():
            apps.get_app_config(label).verbose_name = name
        for label, (one, many) in SCHEDULER.items():
            meta = apps.get_model(label)._meta  # noqa: SLF001 - Django's public name for it
            meta.verbose_name, meta.verbose_name_plural = one, many
        importlib.import_module("telegram_assistant.console.schedules_page")  # needs the others
