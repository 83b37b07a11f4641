"""How many guesses were wrong, by account, address, browser and second factor."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class SignInLimit(models.Model):
    """
    Wrong guesses under one key, and until when the next guess has to wait.

    The key names what is limited, such as `account:7`; names that nobody has are kept as a hash.
    Only `accounts.sign_in.guesses.limits` writes rows.
    """

    key = models.CharField(_("key"), primary_key=True, max_length=120)
    failures = models.PositiveIntegerField(_("failures"))
    refused = models.PositiveIntegerField(_("refused since the last guess"), default=0)
    last_at = models.DateTimeField(_("last guess"))
    wait_until = models.DateTimeField(_("wait until"))

    class Meta:
        verbose_name = _("limit of signing in")
        verbose_name_plural = _("limits of signing in")
        indexes: ClassVar = [models.Index(fields=["last_at"], name="sign_in_limit_last_at")]

    def __str__(self) -> str:
        return self.key
