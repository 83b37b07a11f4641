"""The base of commands that can work on behalf of a user."""

from typing import Any, ClassVar

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts import acting, audit
from accounts.access import Action
from accounts.models import User
from events.console import said
from events.errors import DomainError
from events.management.json_command import CANNOT_WORK, JsonCommand


class ActingCommand(JsonCommand):
    """
    A command with `--as USER`, which then may do no more than that user.

    One that works on a tenant finds it by `accounts.tenants.find_tenant`, which asks; any other
    needs the right in every tenant, which is asked here.
    """

    needs: ClassVar[Action] = Action.OPERATE
    of_one_tenant: ClassVar[bool] = False

    def create_parser(self, *args: Any, **options: Any) -> CommandParser:
        parser = super().create_parser(*args, **options)
        parser.add_argument(
            "--as",
            dest="as_user",
            metavar="USER",
            help="do no more than this user may (default: whatever the command can do)",
        )
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        name = options.pop("as_user", None)
        if name is None:
            return super().execute(*args, **options)
        user = _find(name)
        whoever = audit.of_command(type(self).__module__.rpartition(".")[2], user)
        with acting.acting(user, self.needs), audit.acting(whoever):
            if not self.of_one_tenant:
                self._require_everywhere(options)
            return super().execute(*args, **options)

    def _require_everywhere(self, options: dict[str, Any]) -> None:
        try:
            acting.require_everywhere()
        except DomainError as refusal:
            self.say_failed({"error": refusal.code, "detail": str(refusal)}, options)
            raise CommandError(said(refusal), returncode=CANNOT_WORK) from refusal


def _find(name: str) -> User:
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise CommandError(
            _("--as %s: there is no active user of this name") % name, returncode=CANNOT_WORK
        )
    return user
