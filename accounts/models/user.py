"""The people who sign in."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.time_zones import validate_time_zone

TIME_ZONE_MAX_LENGTH = 64


class User(AbstractUser):
    """A person who signs in, with the language and the time zone in which the console is shown."""

    tenant_path: ClassVar = "memberships__tenant"

    language = models.CharField(
        _("language"),
        max_length=10,
        blank=True,
        default="",
        choices=settings.LANGUAGES,
        help_text=_("If empty, the language of the browser is used."),
    )
    time_zone = models.CharField(
        _("time zone"),
        max_length=TIME_ZONE_MAX_LENGTH,
        blank=True,
        default="",
        validators=[validate_time_zone],
        help_text=_("If empty, the time zone of the installation is used."),
    )
    notification_address = models.EmailField(
        _("notification address"),
        blank=True,
        default="",
        help_text=_("If empty, notifications go to the e-mail address of the account."),
    )

    columns_read: ClassVar[dict[str, Any]] = {}
    """As they were when the row was read or saved last; none of a new one."""

    @classmethod
    def from_db(cls, *args: Any, **more: Any) -> "User":
        user = super().from_db(*args, **more)
        vars(user)["columns_read"] = _columns_of(user)
        return user

    def save(self, **kwargs: Any) -> None:
        """
        Write the columns that were changed since the row was read.

        Django and django-allauth save whole users, read when the request began: an account that was
        closed while a password is hashed, or an identity provider is asked, would be open again.
        """
        is_new = self._state.adding or kwargs.get("force_insert")
        if self.columns_read and not is_new and kwargs.get("update_fields") is None:
            kwargs["update_fields"] = [
                name
                for name, value in _columns_of(self).items()
                if name not in self.columns_read or self.columns_read[name] != value
            ]
        super().save(**kwargs)
        self._note(kwargs.get("update_fields"))

    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: Any = None,
    ) -> None:
        """Also what Django reads a deferred column by."""
        names = None if fields is None else list(fields)
        super().refresh_from_db(using, names, from_queryset)
        self._note(names)

    def _note(self, names: Iterable[str] | None) -> None:
        """These columns, all without names, are in the database as they are here."""
        chosen = None if names is None else set(names)
        same = {n: v for n, v in _columns_of(self).items() if chosen is None or n in chosen}
        vars(self)["columns_read"] = self.columns_read | same


def _columns_of(user: User) -> dict[str, Any]:
    """The columns that are loaded, without the key."""
    names = {field.attname for field in User._meta.concrete_fields if not field.primary_key}  # noqa: SLF001
    return {name: value for name, value in vars(user).items() if name in names}
