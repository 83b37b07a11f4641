"""With which settings the processes of a kind last started."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class KnownSettings(models.Model):
    """
    The settings of the last start of the web server, or of the workers.

    `values` are {variable: text}; of a secret there is a keyed hash only, which tells whether it
    is still the same.
    """

    role = models.CharField(max_length=20, primary_key=True)
    values = models.JSONField(default=dict)
    noted_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("settings of the last start")
        verbose_name_plural = _("settings of the last start")

    def __str__(self) -> str:
        return self.role
