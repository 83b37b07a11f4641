"""
Invite a person: an account without a password, with a role, and a link by which it gets one.

The link is that of a forgotten password. It is signed, expires after PASSWORD_RESET_TIMEOUT, and
is used up with the password that is set by it. Nobody signs in before that.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit
from accounts.access import Action, tenants_of
from accounts.models import Membership, Role, Tenant, User
from events.errors import DomainError


@dataclass(frozen=True, slots=True)
class Wish:
    """Who is invited, and to what; without `email` whoever invites hands the link on."""

    username: str
    tenant: Tenant
    role: Role = Role.VIEWER
    email: str = ""


class NotInvited(DomainError):
    """The name belongs to somebody."""

    code: ClassVar[str] = "not_invited"
    http_status: ClassVar[int] = 422

    def context(self) -> dict[str, Any]:
        return {}


def lifetime_minutes() -> int:
    """How long a link is good for."""
    minutes: int = settings.PASSWORD_RESET_TIMEOUT // 60
    return minutes


@transaction.atomic
def invite(wish: Wish, *, by: User) -> User:
    """
    Make the account, or take one that still waits for its first password; earlier links end.

    `by` must administer the tenant, which the caller has asked. Raises NotInvited.
    """
    name = User.normalize_username(wish.username)
    # `Anna` beside `anna` would be taken for her, and end that she signs in by either.
    alike = User.objects.filter(username__iexact=name).exclude(username=name)
    user, is_new = User.objects.select_for_update().get_or_create(username=name)
    if alike.exists() or not (is_new or _still_waits(user, by)):
        raise NotInvited(_("This name is taken. Who has an account is added to the memberships."))
    user.email = wish.email or user.email
    user.set_unusable_password()  # another one each time, of which the link is made
    user.save()
    Membership.objects.update_or_create(user=user, tenant=wish.tenant, defaults={"role": wish.role})
    audit.record("member.invited", target=user, tenant=wish.tenant, after={"role": str(wish.role)})
    return user


def _still_waits(user: User, by: User) -> bool:
    """Whether this account was never used, and belongs to nobody whom `by` does not administer."""
    is_fresh = user.is_active and not user.has_usable_password() and user.last_login is None
    if not is_fresh or user.is_superuser or SocialAccount.objects.filter(user=user).exists():
        return False
    administered = tenants_of(by, Action.ADMINISTER).values("pk")
    rows = Membership.objects.filter(user=user)
    return rows.exists() and not rows.exclude(tenant__in=administered).exists()


def has_ended(user: User) -> bool:
    """Whether an account still waits for its first password, and nothing is left that it would open."""
    if user.has_usable_password() or user.last_login is not None or user.is_superuser:
        return False
    if SocialAccount.objects.filter(user=user).exists():
        return False
    return not (user.is_active and Membership.objects.filter(user=user).exists())


def link_for(request: HttpRequest, user: User) -> str:
    """The address at which the person sets the first password; a secret."""
    key = default_token_generator.make_token(user)
    known = {"uidb36": user_pk_to_url_str(user), "key": key}
    return request.build_absolute_uri(reverse("account_reset_password_from_key", kwargs=known))


def mail(user: User, link: str) -> None:
    """Send the link; raises OSError and OutboundRefused where the mail server cannot be reached."""
    text = _(
        "You are invited to the archive. Your name there: %(name)s\n\nSet your password within"
        " %(minutes)d minutes, once, at this address:\n%(link)s\n"
    )
    words = {"name": user.username, "minutes": lifetime_minutes(), "link": link}
    send_mail(_("Invitation to Telegram Assistant"), text % words, None, [user.email])
