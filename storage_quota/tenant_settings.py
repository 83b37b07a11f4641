"""The limits of a tenant: its own ones, in the section `limits` of `Tenant.settings`, and the common."""

import copy
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from accounts import tenants
from accounts.models import Tenant
from events.errors import RetryLater
from events.postgresql.one_trip import Rows
from storage_quota.limits import QuotaCeilings
from storage_quota.units import GIB

MOST_GB: Final = 1_000_000


class TypeLimits(BaseModel):
    """
    GiB that this tenant's objects of each type may take; None sets no limit of this kind.

    The limits of the bucket, of the tenant and of the type apply in addition.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    media_gb: float | None = Field(default=None, ge=0, le=MOST_GB)
    vision_gb: float | None = Field(default=None, ge=0, le=MOST_GB)
    crawl_gb: float | None = Field(default=None, ge=0, le=MOST_GB)
    album_gb: float | None = Field(default=None, ge=0, le=MOST_GB)

    def of(self, content_type: str) -> int | None:
        """The limit of a type in bytes."""
        size: float | None = getattr(self, f"{content_type}_gb")
        return None if size is None else int(size * GIB)


class LimitsUnknown(RetryLater):
    """
    The tenant's settings cannot be read, so its limits are unknown and nothing is stored.

    The console refuses such settings; they were written past it, and a person has to correct them.
    """

    def __init__(self, tenant: Tenant) -> None:
        super().__init__(f"the settings of tenant {tenant.pk} cannot be read: correct them")


def limits(tenant: Tenant) -> TypeLimits:
    """Read the tenant's own limits; raises LimitsUnknown."""
    try:
        return TypeLimits.model_validate(tenant.settings.get("limits", {}))
    except (AttributeError, ValidationError) as error:
        raise LimitsUnknown(tenant) from error


def ceilings(tenant: Tenant, content_type: str) -> QuotaCeilings:
    """The limits of bucket, tenant and type; a tenant's own limit replaces the common one."""
    common = settings.LIMITS
    own = tenant.limit_bytes
    return QuotaCeilings(
        bucket=common.total_bytes,
        tenant=common.tenant_bytes if own is None else own,
        type=common.by_type[content_type],
        own_type=limits(tenant).of(content_type),
        tenant_is_own=own is not None,
    )


_NO_SETTINGS: Final[dict[str, Any]] = {}
"""The settings of a tenant that `without_settings` made: they are not read from the database."""


def without_settings(tenant: Tenant) -> Tenant:
    """Copy the tenant without its settings, for storing where only the other limits apply."""
    bare = copy.copy(tenant)
    bare.settings = _NO_SETTINGS
    return bare


def as_read(tenant: Tenant, rows: Rows) -> Tenant:
    """The tenant with the limits of `tenants.to_read`; one without settings stays without."""
    current = tenants.as_read(tenant, rows)
    if tenant.settings is _NO_SETTINGS:
        current.settings = _NO_SETTINGS
    return current


def check_limits(section: Any) -> list[str]:
    """List what is wrong with the section, one sentence each; for `accounts.tenant_settings`."""
    try:
        TypeLimits.model_validate(section)
    except ValidationError as error:
        return [_sentence(each["loc"], each["type"], each["msg"]) for each in error.errors()]
    return []


def _sentence(where: tuple[int | str, ...], kind: str, said: str) -> str:
    """What is wrong, in the reader's language where it is one of the usual mistakes."""
    if kind in {"float_type", "finite_number", "greater_than_equal", "less_than_equal"}:
        said = _("a number of GiB from 0 to %(most)s is expected") % {"most": MOST_GB}
    elif kind == "extra_forbidden":
        said = _("there is no such setting; there are: %(names)s") % {
            "names": ", ".join(TypeLimits.model_fields)
        }
    return ": ".join([*map(str, where), said])
