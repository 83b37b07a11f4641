"""Tokens and members for tests of the API."""

import itertools
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import ApiToken, Membership, Role, Scope, Tenant, User
from accounts.tokens.issue import Wish, issue

_numbers = itertools.count(1)


def member(*tenants: Tenant, role: Role = Role.VIEWER, **fields: Any) -> User:
    """A user with this role in these tenants."""
    user = User.objects.create_user(**{"username": f"member{next(_numbers)}"} | fields)
    Membership.objects.bulk_create(
        [Membership(user=user, tenant=tenant, role=role) for tenant in tenants]
    )
    return user


def token_of(user: User, scope: Scope = Scope.READ, **wish: Any) -> tuple[ApiToken, dict[str, str]]:
    """A token, and the headers with which it is sent."""
    lifetime = wish.pop("lifetime", timedelta(days=90))
    made, secret = issue(
        Wish(user=user, name="test", scope=scope, lifetime=lifetime, **wish), now=timezone.now()
    )
    return made, {"Authorization": f"Token {secret}"}


def secret_of(headers: dict[str, str]) -> str:
    return headers["Authorization"].removeprefix("Token ")
