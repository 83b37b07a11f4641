"""The app of the console: its site, and names for the apps of others."""

from collections.abc import Sequence
from typing import Any, Final

from django.apps import AppConfig, apps
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_dependencies
from django.core import checks
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


class ConsoleConfig(SimpleAdminConfig):
    default_site = "telegram_assistant.console.admin_site.ConsoleSite"

    def ready(self) -> None:
        # Not Django's own way: it loads all pages in each process, which only few have a use for.
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_pages_are_right, checks.Tags.admin)
        for label, name in NAMES.items():
            apps.get_app_config(label).verbose_name = name
        for label, (one, many) in SCHEDULER.items():
            meta = apps.get_model(label)._meta  # noqa: SLF001 - Django's public name for it
            meta.verbose_name, meta.verbose_name_plural = one, many


def _pages_are_right(
    app_configs: Sequence[AppConfig] | None, **_: Any
) -> list[checks.CheckMessage]:
    return list(admin.site.check(app_configs))
