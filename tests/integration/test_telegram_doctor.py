"""What `doctor` says of Telegram, each thing with what to do about it."""

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from events.console import list_of
from events.health import Finding, Scope, Status, registered
from events.postgresql import advisory_locks
from media.models import AccountState, Channel, ChannelFeed, FeedState, TelegramAccount
from media.services.telegram import health, passes
from media.services.telegram.accounts import access as telegram
from media.services.telegram.accounts import encryption, rests, sign_in
from media.services.telegram.channels import status
from media.services.telegram.reading import ingest
from media.services.telegram.reading.ingest import Order
from media.sources.telegram.failures import JOIN, MethodWait
from telegram_assistant.config import Telegram
from tests.telegram_fake import fill

pytestmark = pytest.mark.django_db


@pytest.fixture
def working(server, account, configured) -> TelegramAccount:
    """An account whose session can be read, with a channel that was read just now."""
    account.session = encryption.seal("session")
    account.save()
    fill(server, (1, 2, 3))
    with telegram.connected(account) as access:
        ingest.read_channel(access, ingest.add(access, account, "@channel").feed, Order())
    return account


@pytest.fixture
def listens(working, monkeypatch) -> None:
    """Somebody else holds the lock of the account's listener, and no other."""
    name = f"{passes.LISTENS}{working.pk}"
    monkeypatch.setattr(advisory_locks, "is_held", lambda asked: asked == name)


def found() -> dict[str, list[Finding]]:
    """The findings by their steps."""
    steps: dict[str, list[Finding]] = {}
    step = ""
    for one in health.probe():
        if isinstance(one, str):
            step = one
        else:
            steps.setdefault(step, []).append(one)
    return steps


def of_account() -> list[tuple[Status, str]]:
    return [(one.status, one.detail) for one in found()["account main"]]


def settings_of(**given) -> Telegram:
    return Telegram(api_id=1, api_hash="0" * 32, _env_file=None, **given)


def test_it_is_one_of_the_checks_of_doctor():
    assert "telegram" in {check.name for check in registered(Scope.DOCTOR)}
    assert "telegram" not in {check.name for check in registered(Scope.DETAILED)}


def test_where_nobody_wants_telegram_nothing_is_amiss():
    assert [one.status for one in found()["application"]] == [Status.SKIPPED]


def test_all_in_order(working, listens):
    worst = {one.status for steps in found().values() for one in steps}

    assert worst == {Status.OK, Status.SKIPPED}


def test_accounts_without_an_application(working, settings):
    settings.TELEGRAM = Telegram(_env_file=None)

    [one] = found()["application"]

    assert one.status == Status.FAILED
    assert "my.telegram.org" in one.remedy


@pytest.mark.parametrize("key", ["", Fernet.generate_key().decode()], ids=["none", "another"])
def test_a_session_that_cannot_be_read(working, settings, key):
    settings.TELEGRAM = settings_of(session_key=key)

    steps = found()

    assert steps["key of sessions"][0].status == (Status.OK if key else Status.FAILED)
    [one] = steps["account main"]
    assert (one.status, one.remedy) == (Status.FAILED, encryption.REMEDY)


def test_a_proxy_is_named_without_its_secrets(working, settings):
    settings.TELEGRAM = settings_of(
        session_key=settings.TELEGRAM.session_key, proxy="socks5://me:hidden@host:1080"
    )

    [one] = found()["proxy"]

    assert one.detail == "socks5, with credentials"


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        (lambda a, _: a.update(state=AccountState.SIGNED_OUT), Status.FAILED, "session any more"),
        (lambda a, _: a.update(rests_until=timezone.now() + timedelta(hours=2),
                               rest_reason="flood_wait"), Status.WARNING, "flood_wait"),
        (lambda a, _: rests.note(a.get(), MethodWait(JOIN, 7200), now=timezone.now()),
         Status.WARNING, "join until"),
        (lambda _, f: f.update(read_at=timezone.now() - timedelta(hours=2)),
         Status.FAILED, "120 minutes ago"),
        (lambda _, f: f.update(read_at=None), Status.WARNING, "none of its channels"),
        (lambda _, f: f.update(state=FeedState.CLOSED), Status.WARNING, "1 of its channels"),
        (lambda *_: None, Status.WARNING, "nobody listens"),
    ],
    ids=["signed out", "rests", "puts off", "late", "never read", "closed", "nobody listens"],
)  # fmt: skip
def test_what_is_amiss_has_a_remedy(working, request, change, status, said):
    if said != "nobody listens":
        request.getfixturevalue("listens")
    change(TelegramAccount.objects.all(), ChannelFeed.objects.all())

    steps = found()["account main"]

    bad = [one for one in steps if one.status in {Status.WARNING, Status.FAILED}]
    assert [one.status for one in bad] == [status]
    assert said in bad[0].detail
    assert bad[0].remedy


def test_channels_of_an_account_that_is_signed_out_are_said_not_to_be_read(working, admin_client):
    sign_in.sign_out(working)

    assert of_account() == [(Status.WARNING, "is not signed in: its channels are not read")]
    [feed] = ChannelFeed.objects.all()
    assert status.of_feed(feed)["state"] == "not_signed_in"
    page = admin_client.get(list_of(ChannelFeed), headers={"Accept-Language": "ru"})
    assert "не читается: из аккаунта вышли" in page.content.decode()


def test_a_paused_channel_is_late_for_nobody(working):
    ChannelFeed.objects.update(read_at=None)
    Channel.objects.update(is_active=False)

    assert [status for status, _ in of_account()] == [Status.OK]
