"""
Which permission of Django needs which right, so that the console's checks understand roles.

A viewer may view every model that belongs to a tenant. Whatever else a role may do is entered
here by `allow`; a permission that nobody entered is left to superusers.
"""

from typing import Final

from django.apps import apps
from django.db.models import Model

from accounts.access import Action, tenant_path

_NEEDED: Final[dict[str, Action]] = {}


def allow(action: Action, *permissions: str) -> None:
    """Let whoever may do `action` have these permissions, such as `events.change_delivery`."""
    _NEEDED.update(dict.fromkeys(permissions, action))


def action_of(permission: str) -> Action | None:
    """Return the right that a permission needs; None if only superusers have it."""
    if needed := _NEEDED.get(permission):
        return needed
    is_view = permission.partition(".")[2].startswith("view_")
    model = model_of(permission)
    return Action.VIEW if is_view and model and tenant_path(model) else None


def model_of(permission: str) -> type[Model] | None:
    """Return the model of which a permission such as `media.view_post` speaks."""
    label, _, codename = permission.partition(".")
    try:
        return apps.get_model(label, codename.partition("_")[2])
    except (LookupError, ValueError):
        return None


def entered() -> dict[str, Action]:
    """Return what was entered, by permission."""
    return dict(_NEEDED)
