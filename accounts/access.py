"""
Decide what a user may do to a tenant. Every room asks here and nowhere else.

Operators are active members of staff: they may do everything to every tenant. Every other user
may view the tenants of their memberships. A row that is not visible is answered like one that
does not exist, so that nobody learns which ids other tenants have.
"""

from enum import StrEnum
from typing import TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model, QuerySet

from accounts.models import Tenant

Row = TypeVar("Row", bound=Model)
User = AbstractBaseUser | AnonymousUser


class Action(StrEnum):
    """Kinds of access to a tenant's archive."""

    VIEW = "view"
    OPERATE = "operate"


def may(user: User, action: Action, tenant: Tenant) -> bool:
    """Whether `user` may do `action` to `tenant`."""
    return tenants_of(user, action).filter(pk=tenant.pk).exists()


def tenants_of(user: User, action: Action = Action.VIEW) -> QuerySet[Tenant]:
    """Select the tenants to which `user` may do `action`, in no particular order."""
    if is_operator(user):
        return Tenant.objects.all()
    if not user.is_active or user.pk is None or action is not Action.VIEW:
        return Tenant.objects.none()
    return Tenant.objects.filter(memberships__user=user.pk)


def is_operator(user: User) -> bool:
    """Whether `user` may do everything to every tenant."""
    return bool(user.is_active and getattr(user, "is_staff", False))


def visible(queryset: QuerySet[Row], user: User, path: str = "tenant") -> QuerySet[Row]:
    """
    Select the rows whose tenant `user` may view.

    `path` is the lookup from a row to its tenant; for tenants themselves it is `pk`.
    """
    if is_operator(user):
        return queryset
    return queryset.filter(**{f"{path}__in": tenants_of(user)})
