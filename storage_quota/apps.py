from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StorageQuotaConfig(AppConfig):
    name = "storage_quota"
    verbose_name = _("storage")

    def ready(self) -> None:
        from events import scrape  # noqa: PLC0415 - models are ready only now
        from storage_quota import metrics  # noqa: PLC0415 - see above

        scrape.register(metrics.LedgerCollector())
