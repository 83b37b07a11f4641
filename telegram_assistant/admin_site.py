"""The console: Django's admin with the product's name and the order in which operators work."""

from typing import Any, Final

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

ORDER: Final = (
    "media.Post", "media.Channel", "media.MediaObject", "media.ImportRun", "media.ImportProblem",
    "albums.MediaGroup",
    "vision.PostEnrichment", "vision.PictureHash", "vision.PictureDistinction",
    "vision.PaidAnalysis", "vision.TokenBudget", "vision.ProviderHealth",
    "events.DeadLetter", "events.Delivery", "events.OutboxEvent",
    "storage_quota.TenantUsage",
    "storage_quota.StoredObject", "storage_quota.Reservation",
    "storage_quota.IntegrityCheck", "storage_quota.IntegrityFinding", "storage_quota.Orphan",
    "django_q.Schedule", "django_q.OrmQ", "django_q.Failure", "django_q.Success",
    "accounts.Tenant", "accounts.Membership", "accounts.User", "auth.Group", "authtoken.TokenProxy",
)  # fmt: skip
"""Order of the models on the first page; models that are not named come last."""
NAMES: Final = {"django_q": pgettext_lazy("menu", "Tasks"), "authtoken": _("API tokens")}
"""Names of apps whose own names have no translation."""


class ConsoleSite(AdminSite):
    site_header = "Telegram Assistant"
    site_title = "Telegram Assistant"
    index_title = _("Console")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        apps = super().get_app_list(request, app_label)
        for app in apps:
            app["models"].sort(key=lambda model: _position(app, model))
            app["name"] = NAMES.get(app["app_label"], app["name"])
        return sorted(apps, key=lambda app: min(_position(app, model) for model in app["models"]))


def _position(app: dict[str, Any], model: dict[str, Any]) -> int:
    name = f"{app['app_label']}.{model['object_name']}"
    return ORDER.index(name) if name in ORDER else len(ORDER)


class ConsoleConfig(AdminConfig):
    default_site = "telegram_assistant.admin_site.ConsoleSite"
