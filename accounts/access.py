"""
The one answer to "may this user see or do this to this tenant?".

Operators are active members of staff: they may do everything to every tenant. Everybody else
may view the tenants of their memberships. What is not visible is answered exactly like what
does not exist, so nobody learns which ids other tenants have.
"""

from enum import StrEnum
from typing import TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model, QuerySet

from accounts.models import Tenant

Row = TypeVar("Row", bound=Model)
User = AbstractBaseUser | AnonymousUser


class Action(StrEnum):
    """What somebody wants to do to a tenant's archive."""

    VIEW = "view"
    OPERATE = "operate"


def may(user: User, action: Action, tenant: Tenant) -> bool:
    """Whether `user` may do `action` to `tenant`. Every room asks here and nowhere else."""
    return tenants_of(user, action).filter(pk=tenant.pk).exists()


def tenants_of(user: User, action: Action = Action.VIEW) -> QuerySet[Tenant]:
    """
    The tenants to which `user` may do `action`.

    The set has no order of its own: give it one before you show it.
    """
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
    The rows whose tenant `user` may view; `path` leads from a row to its tenant.

    For tenants themselves that path is `pk`.
    """
    if is_operator(user):
        return queryset
    return queryset.filter(**{f"{path}__in": tenants_of(user)})
