"""Checks of Telegram, for `doctor`: settings, key, and of each account its session and reading."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone

from events import health
from events.errors import DomainError
from events.health import Finding, Scope, failed, ok, skipped, warning
from events.inspection import postgresql
from events.postgresql import advisory_locks
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from media.models import AccountState, ChannelFeed, FeedState, TelegramAccount
from media.services.telegram import passes
from media.services.telegram.accounts import encryption, rests
from media.services.telegram.channels import status

LATE: Final = timedelta(minutes=30)
"""A pass begins every five minutes and lasts up to ten: after this time none is made."""
SHOWN: Final = 100
"""Accounts that are checked; the first by name."""
SIGN_IN: Final = _("sign in again with `manage.py telegram_login` or in the console")
LISTEN: Final = _("start `manage.py telegram_listen`; `make serve` does")
SCHEDULER: Final = _("start `manage.py qcluster` and look at the console's scheduled jobs")
APPLICATION: Final = _(
    "create an application at https://my.telegram.org/apps and set TELEGRAM_API_ID and"
    " TELEGRAM_API_HASH"
)
_PROXY: Final = Sentence(_("%(kind)s, with credentials"))
_OPEN_PROXY: Final = Sentence(_("%(kind)s, without credentials"))
_RESTS: Final = Sentence(_("rests until %(until)s (%(reason)s)"))
_PUTS_OFF: Final = Sentence(_("puts off: %(what)s"))
_CLOSED: Final = Sentence(_("%(count)s of its channels cannot be read any more"))
_READ: Final = Sentence(_("its channels were last read %(minutes)s minutes ago"))


def register() -> None:
    health.register(
        "telegram", probe, scope=Scope.DOCTOR, remedy=postgresql.REMEDY, seconds=10,
        needs=postgresql.CHECK,
    )  # fmt: skip


def probe() -> Iterator[Finding | str]:
    """Yield what each step found; accounts that neither were signed in nor have channels concern nobody."""
    reads = ChannelFeed.objects.filter(account=OuterRef("pk"), channel__is_active=True)
    begun = Q(state__in=(AccountState.READY, AccountState.SIGNED_OUT)) | Exists(reads)
    accounts = list(TelegramAccount.objects.filter(begun).order_by("name", "pk")[:SHOWN])
    yield "application"
    if not settings.TELEGRAM.configured:
        nothing = skipped(_("not configured: exports are imported"))
        yield failed(_("not set, and channels are followed"), APPLICATION) if accounts else nothing
        return
    yield ok(_("TELEGRAM_API_ID and TELEGRAM_API_HASH are set"))
    yield "key of sessions"
    yield _key(accounts)
    yield "proxy"
    yield _proxy()
    for account in accounts:
        yield f"account {account.name}"
        yield from _of(account)


def _key(accounts: list[TelegramAccount]) -> Finding:
    if settings.TELEGRAM.session_keys:
        return ok(_("set"))
    lacking = _("TELEGRAM_SESSION_KEY is not set: nobody can be signed in")
    return (failed if accounts else warning)(lacking, encryption.REMEDY)


def _proxy() -> Finding:
    """What a proxy needs was checked when the settings were read; an unusable one ends the start."""
    proxy = settings.TELEGRAM.endpoint().proxy
    if proxy is None:
        return skipped(_("none: Telegram's servers are asked themselves"))
    told = _PROXY if proxy.username or proxy.secret else _OPEN_PROXY
    return ok(told % {"kind": proxy.kind})


def _of(account: TelegramAccount) -> Iterator[Finding]:
    if account.state == AccountState.SIGNED_OUT:
        yield failed(_("Telegram does not accept its session any more"), SIGN_IN)
        return
    if account.state != AccountState.READY:
        yield warning(_("is not signed in: its channels are not read"), SIGN_IN)
        return
    try:
        encryption.unseal(account.session)
    except DomainError as refusal:
        yield failed(str(refusal), encryption.REMEDY)
        return
    yield ok(_("signed in; its session can be read"))
    yield from _rests(account)
    feeds = ChannelFeed.objects.filter(account=account, channel__is_active=True)
    if feeds:
        yield _listener(account)
        yield from _reading(account, feeds)


def _rests(account: TelegramAccount) -> Iterator[Finding]:
    wait = _("wait, and add fewer channels at a time; TELEGRAM_REQUESTS_PER_SECOND may be lower")
    if rests.rests(account) and account.rests_until:
        until = f"{timezone.localtime(account.rests_until):%Y-%m-%d %H:%M:%S %Z}"
        yield warning(_RESTS % {"until": until, "reason": account.rest_reason}, wait)
    if what := status.put_off(account):
        yield warning(_PUTS_OFF % {"what": what}, wait)


def _listener(account: TelegramAccount) -> Finding:
    if advisory_locks.is_held(f"{passes.LISTENS}{account.pk}"):
        return ok(_("a process listens to it"))
    if rests.rests(account):
        return skipped(_("nobody listens while it rests"))
    news = _("nobody listens to it: news come with passes, up to five minutes late")
    return warning(news, LISTEN)


def _reading(account: TelegramAccount, feeds: QuerySet[ChannelFeed]) -> Iterator[Finding]:
    if closed := feeds.filter(state=FeedState.CLOSED).count():
        remedy = _("see `channels status`: be let in again, or pause them")
        yield warning(_CLOSED % {"count": closed}, remedy)
    followed = feeds.filter(state=FeedState.FOLLOWED)
    if followed and not rests.rests(account):
        yield _last_pass(followed)


def _last_pass(followed: QuerySet[ChannelFeed]) -> Finding:
    read_at = followed.aggregate(last=Max("read_at"))["last"]
    if read_at is None:
        return warning(_("none of its channels was read yet"), SCHEDULER)
    age = timezone.now() - read_at
    found = _READ % {"minutes": f"{age.total_seconds() / 60:.0f}"}
    return failed(found, SCHEDULER) if age > LATE else ok(found)
