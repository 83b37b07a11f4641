"""On whose behalf the tools read."""

from dataclasses import dataclass
from datetime import tzinfo
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from accounts import time_zones
from accounts.access import Action, User, may, visible
from accounts.models import Tenant

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Asker:
    """A user with the rights of this moment; None: a command for the installation, which may see all."""

    user: User | None

    def visible(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        return rows if self.user is None else visible(rows, self.user)

    @property
    def tenants(self) -> tuple[UUID, ...]:
        return tuple(self.visible(Tenant.objects.all()).values_list("pk", flat=True))

    @property
    def zone(self) -> tzinfo | None:
        return time_zones.find(getattr(self.user, "time_zone", ""))

    def may_spend(self, tenant: UUID) -> bool:
        return self.user is None or may(self.user, Action.OPERATE, tenant)
