"""How much of a rate somebody has used."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class RateLimit(models.Model):
    """
    Whoever is counted, and when nothing of what he used will be left.

    The table is not logged (`UNLOGGED`): a request waits for no disk, and after a crash of
    PostgreSQL everybody begins anew. A row whose time is over says the same as none.
    """

    key = models.CharField(_("who is counted"), primary_key=True, max_length=100)
    used_until = models.DateTimeField(_("used until"))

    class Meta:
        verbose_name = _("rate limit")
        verbose_name_plural = _("rate limits")
        db_table = "accounts_rate_limit"
        default_permissions: ClassVar[tuple[str, ...]] = ()  # nobody edits it by hand

    def __str__(self) -> str:
        return self.key
