"""
Decide what a user may do to a tenant. Every room asks here and nowhere else.

A superuser may do everything to every tenant; everybody else has a role in the tenants of which
he is a member, and knows nothing of others: a row that is not visible is answered like one that
does not exist, so that nobody learns which ids other tenants have. What concerns the whole
installation (the bucket, the provider, the workers) is for those who have the right in every
tenant there is. A request by token is allowed what both the token and its user are.
"""

from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model, QuerySet

from accounts.grants import ALLOWED, Action, Grants, Restriction, allows
from accounts.models import Membership, Role, Tenant

__all__ = [
    "Action", "Grants", "Restriction", "forget_grants", "grants_of", "may", "may_anywhere",
    "may_do_to", "may_everywhere", "read_grants", "restrict", "tenant_path", "tenants_of", "visible",
]  # fmt: skip

Row = TypeVar("Row", bound=Model)
User = AbstractBaseUser | AnonymousUser


def grants_of(user: User) -> Grants:
    """Return what `user` may do; kept on the object, so one query per request."""
    known = getattr(user, "_grants", None)
    if known is None:
        limit = getattr(user, "_restriction", None)
        known = _read(user).limited_to(limit) if limit else _read(user)
        user._grants = known  # type: ignore[union-attr]  # noqa: SLF001
    return known


def read_grants(users: Iterable[AbstractBaseUser]) -> None:
    """Read what many users may do by one query, so that none is asked for each of them."""
    members = [
        user for user in users if user.is_active and not getattr(user, "is_superuser", False)
    ]
    roles: dict[Any, dict[UUID, Action]] = {user.pk: {} for user in members}
    rows = Membership.objects.filter(user__in=list(roles))
    for user_id, tenant_id, role in rows.values_list("user_id", "tenant_id", "role"):
        roles[user_id][tenant_id] = ALLOWED[Role(role)]
    for user in members:
        grants, limit = Grants(None, roles[user.pk]), getattr(user, "_restriction", None)
        user._grants = grants.limited_to(limit) if limit else grants  # type: ignore[attr-defined]  # noqa: SLF001


def restrict(user: User, limit: Restriction) -> None:
    """Allow this user object no more than `limit`, whatever its roles; superusers included."""
    user._restriction = limit  # type: ignore[union-attr]  # noqa: SLF001
    forget_grants(user)


def may(user: User, action: Action, tenant: Tenant | UUID) -> bool:
    """Whether `user` may do `action` to `tenant`."""
    return grants_of(user).allows(action, tenant if isinstance(tenant, UUID) else tenant.pk)


def may_anywhere(user: User, action: Action = Action.VIEW) -> bool:
    """Whether there can be a tenant to which `user` may do `action`."""
    grants = grants_of(user)
    return allows(grants.every, action) or bool(grants.tenant_ids(action))


def may_everywhere(user: User, action: Action) -> bool:
    """Whether `user` may do `action` to the installation: to every tenant, and there is one."""
    return allows(grants_of(user).everywhere, action)


def tenants_of(user: User, action: Action = Action.VIEW) -> QuerySet[Tenant]:
    """Select the tenants to which `user` may do `action`, in no particular order."""
    return visible(Tenant.objects.all(), user, action)


def visible(queryset: QuerySet[Row], user: User, action: Action = Action.VIEW) -> QuerySet[Row]:
    """
    Select the rows to whose tenant `user` may do `action`.

    `tenant_path` of the model is the lookup from a row to the id of its tenant. Rows of a model
    without one belong to the installation, and so does a row whose tenant is none.
    """
    path = tenant_path(queryset.model)
    grants = grants_of(user)
    if allows(grants.every, action):
        return queryset
    if path is None:
        return queryset if allows(grants.everywhere, action) else queryset.none()
    # As text: events know tenants as text, and UUIDs are compared with both.
    ids = [str(pk) for pk in grants.tenant_ids(action)]
    if _leads_to_many(queryset.model, path):
        rows = queryset.model._base_manager.filter(**{f"{path}__in": ids})  # noqa: SLF001
        return queryset.filter(pk__in=rows.values("pk"))
    return queryset.filter(**{f"{path}__in": ids})


def may_do_to(user: User, action: Action, row: Model) -> bool:
    """Whether `user` may do `action` to this row, which is asked in the database."""
    return visible(type(row)._base_manager.filter(pk=row.pk), user, action).exists()  # noqa: SLF001


def tenant_path(model: type[Model]) -> str | None:
    """Return the lookup from rows of `model` to their tenant; None: of the installation."""
    path: str | None = getattr(model, "tenant_path", None)
    return path


def _read(user: User) -> Grants:
    if not user.is_active or user.pk is None:
        return Grants(None, {})
    if getattr(user, "is_superuser", False):
        return Grants(Action.ADMINISTER, {})
    rows = Membership.objects.filter(user=user.pk).values_list("tenant_id", "role")
    return Grants(None, {tenant_id: ALLOWED[Role(role)] for tenant_id, role in rows})


def _leads_to_many(model: type[Model], path: str) -> bool:
    """Whether a row can have several tenants, of which a join would repeat it."""
    for name in path.split("__"):
        if name == "pk":
            return False
        field = model._meta.get_field(name)  # noqa: SLF001 - Django's public name
        if field.one_to_many or field.many_to_many:
            return True
        model = field.related_model or model
    return False


def forget_grants(user: Any) -> None:
    """Read the rights of this user object again at the next question; a restriction stays."""
    user._grants = None  # noqa: SLF001 - on the object, also where it is loaded lazily
