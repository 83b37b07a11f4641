"""The manager of every model whose rows belong to a tenant."""

from typing import TypeVar

from django.db.models import Manager, Model, QuerySet

from accounts.access import Action, User, visible

Row = TypeVar("Row", bound=Model)


class TenantRows(Manager[Row]):
    """Rows of a model that names, as `tenant_path`, the lookup from a row to its tenant."""

    def visible_to(self, user: User, action: Action = Action.VIEW) -> QuerySet[Row]:
        """Select the rows to whose tenant `user` may do `action`."""
        return visible(self.get_queryset(), user, action)
