"""The table of the shared cache."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class CacheEntry(models.Model):
    """
    A row of Django's DatabaseCache, which `settings.CACHES` points to this table.

    The columns are what `createcachetable` would make. As a model the table comes with the
    migrations, is emptied between tests like every other one, and needs no step of its own.
    """

    cache_key = models.CharField(primary_key=True, max_length=255)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("cache entry")
        verbose_name_plural = _("cache entries")
        db_table = "cache_entry"
        default_permissions: ClassVar[tuple[str, ...]] = ()  # nobody edits it by hand

    def __str__(self) -> str:
        return self.cache_key
