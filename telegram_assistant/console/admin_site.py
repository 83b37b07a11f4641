"""The console: Django's admin with the product's name and the order in which operators work."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from django.apps import AppConfig
from django.contrib.admin import AdminSite, ModelAdmin, autodiscover
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.access import may_anywhere
from events.console import EMPTY
from telegram_assistant.console.form_labels import CapitalLabels
from telegram_assistant.console.odd_values import OddValuesAnswered, not_found_for_odd_values
from telegram_assistant.console.tenant_pages import TenantPages

ORDER: Final = (
    "media.Post", "media.Channel", "media.MediaObject", "media.ImportRun", "media.ImportProblem",
    "albums.MediaGroup",
    "crawl.CrawledPage", "crawl.CrawlDomain",
    "vision.PostEnrichment", "vision.DocumentText", "vision.PictureHash", "vision.PictureDistinction",
    "vision.PaidAnalysis", "vision.TokenBudget", "vision.CallCost", "vision.ProviderHealth",
    "events.DeadLetter", "events.Delivery", "events.OutboxEvent",
    "storage_quota.TenantUsage",
    "storage_quota.StoredObject", "storage_quota.Reservation",
    "storage_quota.IntegrityCheck", "storage_quota.IntegrityFinding", "storage_quota.Orphan", "storage_quota.BucketState",
    "django_q.Schedule", "django_q.OrmQ", "django_q.Failure", "django_q.Success",
    "accounts.AuditEntry", "accounts.Tenant", "accounts.Membership", "accounts.User", "accounts.BrowserSession", "accounts.ApiToken",
)  # fmt: skip
"""Order of the models on the first page; models that are not named come last."""


class ConsoleSite(AdminSite):
    site_header = "Telegram Assistant"
    site_title = "Telegram Assistant"
    index_title = _("Console")
    site_url = None  # / is the console itself
    empty_value_display = EMPTY
    login_form = AuthenticationForm

    def get_urls(self) -> list[Any]:
        load_pages()
        return super().get_urls()

    def check(self, app_configs: Sequence[AppConfig] | None) -> list[Any]:
        load_pages()
        return super().check(app_configs)

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register pages, also of other apps, that keep tenants apart, answer odd values and look alike."""
        shown = admin_class or ModelAdmin
        answering = type(
            shown.__name__,
            (OddValuesAnswered, TenantPages, CapitalLabels, shown),
            {"__module__": shown.__module__},
        )
        super().register(model_or_iterable, answering, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Admit whoever may see anything; `is_staff` says nothing here."""
        return bool(request.user.is_active and may_anywhere(request.user))

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002 - Django's
        return super().admin_view(not_found_for_odd_values(view), cacheable)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        # Not super()'s, which translates every name to sort by it what is sorted here.
        listed = list(self._build_app_dict(request, app_label).values())
        for app in listed:
            app["models"].sort(key=lambda model: _position(app, model))
        return sorted(listed, key=lambda app: min(_position(app, model) for model in app["models"]))


@cache
def load_pages() -> None:
    """Have every app register its pages, once; commands and workers have no use for them."""
    autodiscover()
    # After django-q2's own pages, which these replace.
    from telegram_assistant.console import schedule_pages  # noqa: F401, PLC0415 - registers itself


def _position(app: dict[str, Any], model: dict[str, Any]) -> int:
    name = f"{app['app_label']}.{model['object_name']}"
    return ORDER.index(name) if name in ORDER else len(ORDER)
