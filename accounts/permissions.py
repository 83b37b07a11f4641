"""The rules of `accounts.access` as permissions of Django REST framework."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.serializers import UUIDField

from accounts.access import Row, User, is_operator, tenants_of, visible


class IsOperator(BasePermission):
    """Admit operators only."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return is_operator(request.user)


class IsMember(BasePermission):
    """Admit users who may view at least one tenant; `visible` decides which rows they get."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return is_operator(request.user) or tenants_of(request.user).exists()


def visible_or_404(
    queryset: QuerySet[Row], user: User, pk: str | UUID, path: str = "tenant", field: str = "pk"
) -> Row:
    """
    Return the visible row whose `field` is this UUID.

    Answers 422 if `pk` is not a UUID, and 404 if there is no such row or it is not visible.
    """
    found = visible(queryset, user, path).filter(**{field: parse_uuid(pk, name=field)}).first()
    if found is None:
        raise NotFound
    return found


def parse_uuid(text: str | UUID, *, name: str = "id") -> UUID:
    """Parse a UUID; raises the ValidationError that becomes 422."""
    try:
        value: UUID = UUIDField().run_validation(text)
    except ValidationError as error:
        raise ValidationError({name: error.detail}) from error
    return value
