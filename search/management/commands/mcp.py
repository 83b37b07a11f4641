from importlib.util import find_spec
from typing import Any, ClassVar

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from accounts import acting
from accounts.access import Action
from accounts.management.acting_command import ActingCommand
from accounts.models import User
from events.errors import DomainError
from search.mcp.asker import Asker


class AccountClosed(DomainError):
    """The user of --as has been deactivated or deleted since the command began."""

    code: ClassVar[str] = "account_closed"
    http_status: ClassVar[int] = 403

    def __init__(self) -> None:
        super().__init__(_("The account is not active."))


class Command(ActingCommand):
    of_one_tenant = True  # the tools show what the user of --as may see
    needs = Action.VIEW
    help = "Serve the archive to a program that speaks the Model Context Protocol, over stdin and stdout."

    def handle(self, *args: Any, **options: Any) -> None:
        if find_spec("mcp") is None:
            raise CommandError(_("Install it first: pip install -r requirements/mcp.txt"))
        # A second of imports, for those who use it; the command shares its name with the SDK.
        from search.mcp.server import serve_stdio  # noqa: PLC0415 - see above

        user = acting.acting_user()
        serve_stdio(lambda: Asker(_as_now(user)))


def _as_now(user: User | None) -> User | None:
    """The user with the rights of this moment. Raises AccountClosed where there is none any more."""
    if user is None:
        return None
    now = User.objects.filter(pk=user.pk, is_active=True).first()
    if now is None:
        raise AccountClosed
    return now
