"""Tokens with which programs use the API for a user."""

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.tenant import Tenant

if TYPE_CHECKING:  # knox has no types, and a model of an unknown class would have no manager
    from django.db.models import Model as AbstractAuthToken
else:
    from knox.models import AbstractAuthToken

PREFIX = "ta_"
"""Every token begins with it, so that scanners of secrets, and our own logs, know one by sight."""
SHOWN_CHARS = 15
"""So much of a token may be shown: the prefix and 12 of the 64 hexadecimal digits."""
NAME_MAX_LENGTH = 100


class Scope(models.TextChoices):
    """The most that a token allows; its user may be allowed less."""

    READ = "read", _("read")
    OPERATE = "operate", _("operate")
    ADMINISTER = "administer", _("administer")


class TokenState(models.TextChoices):
    ACTIVE = "active", pgettext_lazy("token", "valid")
    EXPIRED = "expired", pgettext_lazy("token", "expired")
    REVOKED = "revoked", pgettext_lazy("token", "revoked")


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def active(self, now: datetime) -> "ApiTokenQuerySet":
        unexpired = Q(expiry__isnull=True) | Q(expiry__gt=now)
        return self.filter(unexpired, revoked_at__isnull=True)

    def over_since(self, moment: datetime) -> "ApiTokenQuerySet":
        """Select the tokens that had expired or were revoked by then."""
        return self.filter(Q(expiry__lte=moment) | Q(revoked_at__lte=moment))


class ApiToken(AbstractAuthToken):
    """
    A key to the API. It allows what its scope and tenant say, and never more than its user may.

    The row has the SHA-512 of the token, whose 52 secret digits nobody guesses. `token_key`,
    `created` and `expiry` are django-rest-knox's names of the part that is shown and of times.
    """

    tenant_path: ClassVar = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    digest = models.CharField(max_length=128)
    token_key = models.CharField(_("begins with"), max_length=SHOWN_CHARS)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="api_tokens",
        verbose_name=_("user"),
    )
    name = models.CharField(
        _("name"), max_length=NAME_MAX_LENGTH, help_text=_("What it is for, such as a program.")
    )
    scope = models.CharField(_("scope"), max_length=20, choices=Scope.choices, default=Scope.READ)
    # A token of one tenant ends with the tenant; it does not become one of all tenants.
    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="api_tokens",
        verbose_name=_("tenant"),
        help_text=_("If empty, all tenants of the user."),
    )
    created = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    expiry = models.DateTimeField(
        _("expires at"), null=True, blank=True, help_text=_("If empty, never.")
    )
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        db_table = "accounts_api_token"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["digest"], name="api_token_digest_once"),
            models.UniqueConstraint(fields=["token_key"], name="api_token_beginning_once"),
            models.CheckConstraint(
                condition=Q(digest__regex=r"^[0-9a-f]{128}$"), name="api_token_digest_sha512"
            ),
            models.CheckConstraint(
                condition=Q(token_key__regex=rf"^{PREFIX}[0-9a-f]{{12}}$"),
                name="api_token_beginning_formed",
            ),
            models.CheckConstraint(
                condition=Q(scope__in=Scope.values), name="api_token_scope_known"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="api_token_named"),
            models.CheckConstraint(
                condition=Q(expiry__isnull=True) | Q(expiry__gte=F("created")),
                name="api_token_not_over_before_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.token_key}… ({self.name})"

    def state(self, now: datetime) -> TokenState:
        if self.revoked_at is not None:
            return TokenState.REVOKED
        if self.expiry is not None and self.expiry <= now:
            return TokenState.EXPIRED
        return TokenState.ACTIVE
