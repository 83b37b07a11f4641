"""The models of accounts and of Django whose rows people edit in the console."""

from django.contrib.auth.models import Group

from accounts.audit.following import follow
from accounts.models import Membership, Tenant, User


def follow_all() -> None:
    follow(
        User,
        leave_out=["last_login"],  # each sign-in writes it, and is an event of its own
        hide=["password"],
        relations=["groups", "user_permissions"],
    )
    follow(Tenant)
    follow(Membership, events={"role": "role.changed"})
    follow(Group, relations=["permissions"])
