"""A tenant's own limits by type: the section `limits` of `Tenant.settings`."""

import copy
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from accounts.models import Tenant
from events.errors import RetryLater
from storage_quota.models import GIB

MOST_GB: Final = 1_000_000


class TypeLimits(BaseModel):
    """
    GiB this tenant's objects of a type may take; None leaves it to the other limits.

    They come on top: the limits of the bucket, of the tenant and of the type hold as well.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    media_gb: float | None = Field(default=None, ge=0, le=MOST_GB)
    vision_gb: float | None = Field(default=None, ge=0, le=MOST_GB)
    crawl_gb: float | None = Field(default=None, ge=0, le=MOST_GB)
    album_gb: float | None = Field(default=None, ge=0, le=MOST_GB)

    def of(self, content_type: str) -> int | None:
        """In bytes."""
        size: float | None = getattr(self, f"{content_type}_gb")
        return None if size is None else int(size * GIB)


class LimitsUnknown(RetryLater):
    """
    The row was written past the console and cannot be read: the quota can say neither yes nor no.

    Nothing is stored on a guess: whoever stores comes again, once the row is mended.
    """

    def __init__(self, tenant: Tenant) -> None:
        super().__init__(f"the settings of tenant {tenant.pk} cannot be read: mend them")


def limits(tenant: Tenant) -> TypeLimits:
    """Raises LimitsUnknown."""
    try:
        return TypeLimits.model_validate(tenant.settings.get("limits", {}))
    except (AttributeError, ValidationError) as error:
        raise LimitsUnknown(tenant) from error


def without_settings(tenant: Tenant) -> Tenant:
    """The same tenant as if it had none: for what may be stored on the other limits alone."""
    bare = copy.copy(tenant)
    bare.settings = {}
    return bare


def check_limits(section: Any) -> list[str]:
    """What is wrong with the section, a sentence each; for `accounts.tenant_settings`."""
    try:
        TypeLimits.model_validate(section)
    except ValidationError as error:
        return [": ".join([*map(str, each["loc"]), each["msg"]]) for each in error.errors()]
    return []
