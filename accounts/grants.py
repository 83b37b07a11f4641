"""What a user may do at most, by tenant; pure but for asking which tenants there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.utils.functional import cached_property

from accounts.models import Role, Tenant


class Action(StrEnum):
    """Kinds of access to a tenant's archive; who may do one may do those before it."""

    VIEW = "view"
    OPERATE = "operate"
    ADMINISTER = "administer"


LEVELS: Final = {action: level for level, action in enumerate(Action)}
ALLOWED: Final = {
    Role.VIEWER: Action.VIEW,
    Role.OPERATOR: Action.OPERATE,
    Role.ADMINISTRATOR: Action.ADMINISTER,
}
"""The most that a member with this role may do."""


@dataclass(frozen=True, slots=True)
class Restriction:
    """What a token allows its user at most; `tenant_id` None means all of the user's tenants."""

    action: Action
    tenant_id: UUID | None = None


@dataclass(frozen=True)
class Grants:
    """
    What a user may do at most: `every` in all tenants (None: nothing), and more by tenant.

    Read from the database once per user object, which lives as long as its request.
    """

    every: Action | None
    by_tenant: Mapping[UUID, Action]

    def tenant_ids(self, action: Action) -> list[UUID]:
        """Return the tenants in which `action` is allowed by itself, not by `every`."""
        return [pk for pk, most in self.by_tenant.items() if allows(most, action)]

    def allows(self, action: Action, tenant_id: UUID) -> bool:
        return allows(self.every, action) or allows(self.by_tenant.get(tenant_id), action)

    @cached_property
    def everywhere(self) -> Action | None:
        """The most that is allowed in each tenant there is; None if there is no tenant."""
        if self.every is Action.ADMINISTER:
            return self.every
        ids = list(Tenant.objects.values_list("pk", flat=True))
        most = [_most([self.every, self.by_tenant.get(pk)]) for pk in ids]
        return _least(most) if most else self.every

    def limited_to(self, limit: Restriction) -> "Grants":
        by_tenant = {pk: _least([most, limit.action]) for pk, most in self.by_tenant.items()}
        every = _least([self.every, limit.action])
        if limit.tenant_id is None:
            return Grants(every, _granted(by_tenant))
        most = _most([every, by_tenant.get(limit.tenant_id)])
        return Grants(None, _granted({limit.tenant_id: most}))


def allows(most: Action | None, action: Action) -> bool:
    """Whether who may do `most` may do `action`."""
    return most is not None and LEVELS[most] >= LEVELS[action]


def _most(actions: Iterable[Action | None]) -> Action | None:
    return max(actions, key=_level, default=None)


def _least(actions: Iterable[Action | None]) -> Action | None:
    return min(actions, key=_level, default=None)


def _level(action: Action | None) -> int:
    return -1 if action is None else LEVELS[action]


def _granted(by_tenant: Mapping[UUID, Action | None]) -> dict[UUID, Action]:
    return {pk: most for pk, most in by_tenant.items() if most is not None}
