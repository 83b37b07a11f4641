from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StorageQuotaConfig(AppConfig):
    name = "storage_quota"
    verbose_name = _("storage")
