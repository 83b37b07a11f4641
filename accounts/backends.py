"""The permissions of roles, for everything that asks Django's way: `user.has_perm(…)`."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model

from accounts import access, permission_table


class RoleBackend(ModelBackend):
    """
    Permissions by role and never by user or group. `accounts.sign_in.backend` checks passwords.

    Asked without an object, a permission is there if it holds in some tenant (for models of the
    installation: in every tenant); with an object, if it holds in the tenant of that object.
    """

    def has_perm(
        self, user_obj: AbstractBaseUser | AnonymousUser, perm: str, obj: Model | None = None
    ) -> bool:
        action, model = permission_table.action_of(perm), permission_table.model_of(perm)
        if action is None or model is None:
            return False
        if obj is not None and obj.pk is not None:
            return access.may_do_to(user_obj, action, obj)
        if access.tenant_path(model) is None:
            return access.may_everywhere(user_obj, action)
        return access.may_anywhere(user_obj, action)

    def has_module_perms(self, user_obj: AbstractBaseUser | AnonymousUser, app_label: str) -> bool:
        """Whether an app is worth looking into; its models then decide one by one."""
        return access.may_anywhere(user_obj)

    def get_all_permissions(
        self, user_obj: AbstractBaseUser | AnonymousUser, obj: Model | None = None
    ) -> set[str]:
        return {name for name in permission_table.entered() if self.has_perm(user_obj, name, obj)}

    def get_user_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        return set()

    def get_group_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        return set()
