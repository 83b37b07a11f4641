import getpass
import sys
from typing import Any

import qrcode
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.management.acting_command import ActingCommand
from accounts.tenants import find_tenant
from events.errors import DomainError
from events.management.json_command import CANNOT_WORK
from media.models import AccountState, TelegramAccount
from media.services.telegram.accounts import encryption, sign_in
from media.sources.telegram.failures import SignInRefused

QR_SECONDS = 180


class Command(ActingCommand):
    of_one_tenant = True
    _shown = False
    help = (
        "Sign an account in to Telegram: by phone and code, or by a QR code. Without a terminal,"
        " call it with --phone, then with --code, and with --password if that is asked for."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="NAME_OR_ID", help="default: the default tenant")
        parser.add_argument("--account", default="main", help="name of the account (%(default)s)")
        parser.add_argument("--phone", help="phone number of the account, with its country code")
        parser.add_argument("--code", help="the code that Telegram has sent")
        parser.add_argument("--password", help="the password of the two-step verification")
        parser.add_argument("--qr", action="store_true", help="show a QR code to be scanned")
        parser.add_argument("--sign-out", action="store_true", help="forget the stored session")
        parser.add_argument(
            "--new-key", action="store_true", help="print a key for TELEGRAM_SESSION_KEY, and end"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["new_key"]:
            self.stdout.write(encryption.new_key())
            return
        try:
            account = self._step(options)
        except DomainError as refusal:
            raise CommandError(str(refusal), returncode=CANNOT_WORK) from refusal
        self.stdout.write(f"{account.name}: {_WORDS[AccountState(account.state)]}")

    def _step(self, options: dict[str, Any]) -> TelegramAccount:
        tenant = find_tenant(options["tenant"])
        known = TelegramAccount.objects.filter(tenant=tenant, name=options["account"]).first()
        if options["sign_out"]:
            if known is None:
                raise SignInRefused(_("there is no account of this name"))
            sign_in.sign_out(known)
            return known
        if options["qr"]:
            account = sign_in.by_qr(tenant, options["account"], self._show, seconds=QR_SECONDS)
        elif known is not None and not options["phone"] and known.state in _WAITING:
            account = known
        else:
            phone = options["phone"] or self._ask(_("Phone number: "))
            account = sign_in.begin(tenant, options["account"], phone)
        return self._finish(account, options)

    def _finish(self, account: TelegramAccount, options: dict[str, Any]) -> TelegramAccount:
        """Give what the account waits for, as far as it is known or somebody can be asked."""
        if account.state == AccountState.CODE:
            code = options["code"] or self._ask(_("Code from Telegram: "), optional=True)
            account = sign_in.give_code(account, code) if code else account
        if account.state == AccountState.PASSWORD:
            password = options["password"] or self._ask_secret(_("Password: "))
            account = sign_in.give_password(account, password) if password else account
        return account

    def _ask(self, question: str, *, optional: bool = False) -> str:
        if sys.stdin.isatty():
            self.stderr.write(question, ending="")
            self.stderr.flush()
            return sys.stdin.readline().strip()
        if optional:
            return ""
        raise SignInRefused(_("nobody can be asked here: give --phone, or --qr"))

    def _ask_secret(self, question: str) -> str:
        return getpass.getpass(question) if sys.stdin.isatty() else ""

    def _show(self, code: Any) -> None:
        """Draw the QR code in the terminal, where those before it have expired."""
        if self._shown:
            self.stdout.write(_("Nobody has scanned the code above in time: it has expired."))
        self._shown = True
        picture = qrcode.QRCode(border=1)
        picture.add_data(code.url)
        until = f"{timezone.localtime(code.expires_at):%H:%M:%S}"
        self.stdout.write(
            _("In Telegram: Settings, Devices, Link Desktop Device. Scan this until %s:") % until
        )
        picture.print_ascii(out=self.stdout, invert=True)


_WAITING = (AccountState.CODE, AccountState.PASSWORD)
_WORDS = {
    AccountState.NEW: gettext_lazy("not signed in"),
    AccountState.CODE: gettext_lazy("waits for the code: call again with --code"),
    AccountState.QR: gettext_lazy(
        "waits for its QR code to be scanned: go on in the console, or begin again"
    ),
    AccountState.PASSWORD: gettext_lazy("waits for the password: call again with --password"),
    AccountState.READY: gettext_lazy("signed in"),
    AccountState.SIGNED_OUT: gettext_lazy("signed out by Telegram"),
}
