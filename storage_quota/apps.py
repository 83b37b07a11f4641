import logging

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from events import rooms

logger = logging.getLogger(__name__)


class StorageQuotaConfig(rooms.Room):
    name = "storage_quota"
    verbose_name = _("storage")

    def ready(self) -> None:
        warn_of_unverified_certificates()

    def connect(self) -> None:
        from accounts import tenant_settings  # noqa: PLC0415 - models are ready only now
        from events.metrics import scrape  # noqa: PLC0415 - see above
        from storage_quota import health, metrics  # noqa: PLC0415 - see above
        from storage_quota.tenant_settings import check_limits  # noqa: PLC0415 - see above

        tenant_settings.register("limits", check_limits)
        scrape.register(metrics.LedgerCollector())
        health.register()

    def load(self) -> None:
        if settings.S3.configured:
            from storage_quota.object_store import s3  # noqa: F401, PLC0415 - late


def warn_of_unverified_certificates() -> None:
    """Say it once in each process, in place of urllib3, which says it with every request."""
    if settings.S3.configured and settings.S3.certificates is False:
        logger.warning(
            "S3_VERIFY_SSL=false: the certificate of %s is not verified, and whoever is in between"
            " can read and change what is stored; set S3_CA_BUNDLE instead",
            settings.S3.endpoint_url,
        )
