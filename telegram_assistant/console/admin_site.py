"""The console: Django's admin with the product's name and the order in which operators work."""

from typing import Any, Final

from django.apps import apps
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from telegram_assistant.console.odd_values import OddValuesAnswered, not_found_for_odd_values

ORDER: Final = (
    "media.Post", "media.Channel", "media.MediaObject", "media.ImportRun", "media.ImportProblem",
    "albums.MediaGroup",
    "vision.PostEnrichment", "vision.PictureHash", "vision.PictureDistinction",
    "vision.PaidAnalysis", "vision.TokenBudget", "vision.CallCost", "vision.ProviderHealth",
    "events.DeadLetter", "events.Delivery", "events.OutboxEvent",
    "storage_quota.TenantUsage",
    "storage_quota.StoredObject", "storage_quota.Reservation",
    "storage_quota.IntegrityCheck", "storage_quota.IntegrityFinding", "storage_quota.Orphan", "storage_quota.BucketState",
    "django_q.Schedule", "django_q.OrmQ", "django_q.Failure", "django_q.Success",
    "accounts.Tenant", "accounts.Membership", "accounts.User", "auth.Group", "accounts.ApiToken",
)  # fmt: skip
"""Order of the models on the first page; models that are not named come last."""
NAMES: Final = {"django_q": _("Scheduler")}
"""Names of apps whose own names have no translation."""
SCHEDULER: Final = {
    "django_q.Schedule": (_("schedule"), _("schedules")),
    "django_q.OrmQ": (_("queued run"), _("queued runs")),
    "django_q.Failure": (_("failed run"), _("failed runs")),
    "django_q.Success": (_("finished run"), _("finished runs")),
}
"""Names of django-q2's models. Its own word is task, which here means a delivery."""


class ConsoleSite(AdminSite):
    site_header = "Telegram Assistant"
    site_title = "Telegram Assistant"
    index_title = _("Console")

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register pages, those of other apps included, that answer odd values in addresses."""
        shown = admin_class or ModelAdmin
        answering = type(
            shown.__name__, (OddValuesAnswered, shown), {"__module__": shown.__module__}
        )
        super().register(model_or_iterable, answering, **options)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002 - Django's
        return super().admin_view(not_found_for_odd_values(view), cacheable)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        listed = super().get_app_list(request, app_label)
        for app in listed:
            app["models"].sort(key=lambda model: _position(app, model))
        return sorted(listed, key=lambda app: min(_position(app, model) for model in app["models"]))


def _position(app: dict[str, Any], model: dict[str, Any]) -> int:
    name = f"{app['app_label']}.{model['object_name']}"
    return ORDER.index(name) if name in ORDER else len(ORDER)


class ConsoleConfig(AdminConfig):
    default_site = "telegram_assistant.console.admin_site.ConsoleSite"

    def ready(self) -> None:
        super().ready()
        for label, name in NAMES.items():
            apps.get_app_config(label).verbose_name = name
        for label, (one, many) in SCHEDULER.items():
            meta = apps.get_model(label)._meta  # noqa: SLF001 - Django's public name for it
            meta.verbose_name, meta.verbose_name_plural = one, many
