"""
Who sees whose archive. Every room's endpoints ask here, and nowhere else.

Operators are active members of staff: they see every tenant. Everybody else sees the
tenants of his memberships. What is not visible is answered exactly like what is not there.
"""

from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model, QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.serializers import UUIDField

from storage_quota.models import Tenant

Row = TypeVar("Row", bound=Model)
User = AbstractBaseUser | AnonymousUser


def is_operator(user: User) -> bool:
    return bool(user.is_active and getattr(user, "is_staff", False))


def tenants_of(user: User) -> QuerySet[Tenant]:
    """Without an order of its own: give it one before you show it."""
    if is_operator(user):
        return Tenant.objects.all()
    if not user.is_active or user.pk is None:
        return Tenant.objects.none()
    return Tenant.objects.filter(memberships__user=user.pk)


def visible(queryset: QuerySet[Row], user: User, path: str = "tenant") -> QuerySet[Row]:
    """
    The rows whose tenant `user` may see; `path` leads from a row to its tenant.

    For tenants themselves that path is `pk`.
    """
    if is_operator(user):
        return queryset
    return queryset.filter(**{f"{path}__in": tenants_of(user)})


def visible_or_404(
    queryset: QuerySet[Row], user: User, pk: str | UUID, path: str = "tenant", field: str = "pk"
) -> Row:
    """The one visible row of this UUID. 422 where it is no UUID, 404 where there is no such row."""
    found = visible(queryset, user, path).filter(**{field: parse_uuid(pk, name=field)}).first()
    if found is None:
        raise NotFound
    return found


def parse_uuid(text: str | UUID, *, name: str = "id") -> UUID:
    """Raises the ValidationError that becomes 422."""
    try:
        value: UUID = UUIDField().run_validation(text)
    except ValidationError as error:
        raise ValidationError({name: error.detail}) from error
    return value


class IsOperator(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return is_operator(request.user)


class IsMember(BasePermission):
    """Operators, and whoever belongs to a tenant. Which rows they see is `visible`'s matter."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return is_operator(request.user) or tenants_of(request.user).exists()
