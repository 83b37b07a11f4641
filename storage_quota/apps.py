from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StorageQuotaConfig(AppConfig):
    name = "storage_quota"
    verbose_name = _("storage")

    def ready(self) -> None:
        from accounts import tenant_settings  # noqa: PLC0415 - models are ready only now
        from events.metrics import scrape  # noqa: PLC0415 - see above
        from storage_quota import health, metrics  # noqa: PLC0415 - see above
        from storage_quota.tenant_settings import check_limits  # noqa: PLC0415 - see above

        tenant_settings.register("limits", check_limits)
        scrape.register(metrics.LedgerCollector())
        health.register()
