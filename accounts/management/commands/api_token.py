import json
import sys
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.access import Action, visible
from accounts.acting import acting_user
from accounts.management.acting_command import ActingCommand
from accounts.models import ApiToken, Scope, TokenState, User
from accounts.tenants import TenantUnknown, find_tenant
from accounts.tokens.issue import TokenNotIssued, Wish, issue
from accounts.tokens.revoke import revoke
from events.management.numbers import MOST_DAYS, count
from events.management.tables import table


class Command(ActingCommand):
    """Makes only the user's own tokens with `--as USER`, and ends those that the console shows."""

    help = "Make, list and revoke tokens of the API."
    needs: ClassVar[Action] = Action.VIEW
    of_one_tenant: ClassVar[bool] = True

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        create = self._parser(commands, "create", "make a token and print it, this once")
        create.add_argument("--user", required=True, help="whose token it is")
        create.add_argument("--name", default="made by a command", help="what it is for")
        create.add_argument("--scope", choices=Scope.values, default=Scope.READ)
        create.add_argument("--tenant", help="name or id (default: all tenants of the user)")
        days = settings.API_TOKEN_LIFETIME.days
        create.add_argument(
            "--days", type=count(MOST_DAYS), default=days, help="valid for so many days"
        )
        create.add_argument("--endless", action="store_true", help="never expires")
        listing = self._parser(commands, "list", "tokens, newest first")
        listing.add_argument("--user", help="of this user")
        listing.add_argument("--all", action="store_true", help="those that are over, too")
        ending = self._parser(commands, "revoke", "end tokens at once")
        ending.add_argument("token", nargs="*", help="id of a token, or what it begins with")
        ending.add_argument("--user", help="of this user")
        ending.add_argument("--all", action="store_true", help="every token")

    @staticmethod
    def _parser(commands: Any, name: str, text: str) -> CommandParser:
        parser: CommandParser = commands.add_parser(name, help=text, description=text)
        parser.add_argument("--json", action="store_true", help="JSON on stdout")
        return parser

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['command']}")(options, timezone.now())

    def _create(self, options: dict[str, Any], now: datetime) -> None:
        try:
            token, secret = issue(_wish(options), now=now, may_be_endless=_may_do_everything())
        except (TokenNotIssued, TenantUnknown) as refusal:
            raise CommandError(str(refusal)) from refusal
        if options["json"]:
            self.stdout.write(json.dumps({"token": secret, **_row(token, now)}, ensure_ascii=False))
            return
        words = {"token": str(token), "user": str(token.user)}
        if token.expiry:
            text = _("%(token)s of %(user)s is valid until %(until)s. It is not shown again:")
            words["until"] = f"{token.expiry:%Y-%m-%d %H:%M} UTC"
        else:
            text = _("%(token)s of %(user)s is valid for ever. It is not shown again:")
        self.stderr.write(text % words)
        self.stdout.write(secret)

    def _list(self, options: dict[str, Any], now: datetime) -> None:
        tokens = _of(options["user"])
        shown = tokens if options["all"] else tokens.active(now)
        rows = [_row(token, now) for token in shown.order_by("-created")]
        if options["json"]:
            self.stdout.write(json.dumps(rows, ensure_ascii=False))
        elif rows:
            self.stdout.writelines(table([*rows[0]], [[*row.values()] for row in rows]))
        else:
            self.stdout.write(_("No such tokens."))

    def _revoke(self, options: dict[str, Any], now: datetime) -> None:
        chosen = _chosen(options).active(now)
        count = sum(revoke(token, now=now) for token in chosen)
        text = ngettext("Revoked %(count)d token.", "Revoked %(count)d tokens.", count)
        self.stdout.write(
            json.dumps({"revoked": count}) if options["json"] else text % {"count": count}
        )
        if count < len(options["token"]):
            sys.exit(1)


def _may_do_everything() -> bool:
    """Whether the command works for the installation, or for a superuser."""
    acting = acting_user()
    return acting is None or acting.is_superuser


def _wish(options: dict[str, Any]) -> Wish:
    user, acting = _user(options["user"]), acting_user()
    if acting != user and not _may_do_everything():
        raise CommandError(_("%(user)s makes tokens for %(user)s only") % {"user": acting})
    return Wish(
        user=user,
        name=options["name"],
        scope=Scope(options["scope"]),
        tenant=find_tenant(options["tenant"]) if options["tenant"] else None,
        lifetime=None if options["endless"] else timedelta(days=options["days"]),
    )


def _user(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        raise CommandError(_("There is no user %r") % name)
    return user


def _of(name: str | None) -> Any:
    tokens = ApiToken.objects.select_related("user", "tenant")
    acting = acting_user()
    if acting and not acting.is_superuser:
        administered = visible(ApiToken.objects.all(), acting, Action.ADMINISTER)
        tokens = tokens.filter(Q(user=acting) | Q(pk__in=administered.values("pk")))
    return tokens.filter(user=_user(name)) if name else tokens


def _chosen(options: dict[str, Any]) -> Any:
    """Select what the arguments name; all of a user's, or of everybody's, only when that is said."""
    if bool(options["token"]) == bool(options["all"] or options["user"]):
        raise CommandError(
            _("Name tokens; or --user for all of a user's; or --all for everybody's")
        )
    tokens = _of(options["user"])
    return _named(tokens, options["token"]) if options["token"] else tokens


def _named(tokens: Any, names: list[str]) -> QuerySet[ApiToken]:
    found = [pk for name in names for pk in _found(tokens, name)]
    chosen: QuerySet[ApiToken] = tokens.filter(pk__in=found)
    return chosen


def _found(tokens: Any, name: str) -> list[UUID]:
    """Return the one token that is meant; the beginning may be shortened as long as it says which."""
    try:
        matches = list(tokens.filter(pk=UUID(name)).values_list("pk", flat=True))
    except ValueError:
        beginning = name.rstrip("…")
        matches = list(tokens.filter(token_key__startswith=beginning).values_list("pk", flat=True))
    if len(matches) != 1:
        raise CommandError(
            _("%(count)d tokens begin with %(name)r, not one; see `api_token list`")
            % {"count": len(matches), "name": name}
        )
    return matches


def _row(token: ApiToken, now: datetime) -> dict[str, Any]:
    return {
        "id": str(token.pk),
        "begins_with": token.token_key,
        "user": token.user.get_username(),
        "name": token.name,
        "scope": str(token.scope),
        "tenant": str(token.tenant) if token.tenant else None,
        "state": str(TokenState(token.state(now))),
        "expiry": token.expiry.isoformat() if token.expiry else None,
        "last_used_at": token.last_used_at.isoformat() if token.last_used_at else None,
    }
