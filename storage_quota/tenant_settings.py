"""
What a tenant's `settings` may say: sections by name, each with somebody who can judge it.

A room with settings of its own per tenant registers their section in `AppConfig.ready()`.
"""

import copy
from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from events.errors import RetryLater
from storage_quota.models import GIB, Tenant

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


Judge = Callable[[Any], list[str]]


def register(name: str, judge: Judge) -> None:
    """`judge` is given the section's value and says what is wrong with it, for the console."""
    _judges[name] = judge


def complaints(value: Any) -> list[str]:
    """What is wrong with it, in a sentence each; nothing is if there are none."""
    if not isinstance(value, dict):
        return ["An object of sections is wanted, such as {}"]
    return [
        complaint for name, section in value.items() for complaint in _complaints(name, section)
    ]


def _complaints(name: str, section: Any) -> list[str]:
    if name not in _judges:
        return [f"{name}: there is no such section"]
    return [f"{name}: {complaint}" for complaint in _judges[name](section)]


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


def _judge_limits(section: Any) -> list[str]:
    try:
        TypeLimits.model_validate(section)
    except ValidationError as error:
        return [": ".join([*map(str, each["loc"]), each["msg"]]) for each in error.errors()]
    return []


_judges: dict[str, Judge] = {"limits": _judge_limits}
