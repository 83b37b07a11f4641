"""The rules of `accounts.access` as permissions of Django REST framework."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.serializers import UUIDField

from accounts.access import Action, Row, User, may_anywhere, may_everywhere, visible
from accounts.models import ApiToken, Scope


class IsMember(BasePermission):
    """Admit users who may view some tenant; `visible` decides which rows they get."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return may_anywhere(request.user)


class MayViewEverything(BasePermission):
    """Admit users who may view every tenant: what they get concerns the whole installation."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return may_everywhere(request.user, Action.VIEW)


class MayOperateEverything(BasePermission):
    """Admit users who may operate every tenant: what they do concerns the whole installation."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return may_everywhere(request.user, Action.OPERATE)


class MayWriteOwn(BasePermission):
    """
    Admit whoever reads, and whoever writes something of the own account.

    A token that is for reading writes nothing, whosever it is.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        is_for_reading = isinstance(request.auth, ApiToken) and request.auth.scope == Scope.READ
        return request.method in SAFE_METHODS or not is_for_reading


def visible_or_404(queryset: QuerySet[Row], user: User, pk: str | UUID, field: str = "pk") -> Row:
    """
    Return the visible row whose `field` is this UUID.

    Answers 422 if `pk` is not a UUID, and 404 if there is no such row or it is not visible.
    """
    found = visible(queryset, user).filter(**{field: parse_uuid(pk, name=field)}).first()
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
