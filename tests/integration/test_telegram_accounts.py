"""Accounts of Telegram: signing in by command and console, sessions that nobody can read, commands."""

import io
import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from events.console import list_of
from media.admin.qr_codes import qr_picture
from media.models import (
    AccountState,
    Channel,
    ChannelFeed,
    ChannelGap,
    FeedState,
    Post,
    TelegramAccount,
)
from media.services.telegram import passes
from media.services.telegram.accounts import access as telegram
from media.services.telegram.accounts import encryption, rests, sign_in
from media.services.telegram.channels import public_names
from media.services.telegram.reading import ingest
from media.sources.telegram.failures import (
    JOIN,
    ChannelClosed,
    MethodWait,
    SignInRefused,
    Unreachable,
)
from media.sources.telegram.port import Peer
from media.sources.telegram.sign_in import QrCode, Step
from telegram_assistant.config import Telegram
from tests import factories as make
from tests.telegram_fake import BEGAN, CHANNEL, fill

pytestmark = pytest.mark.django_db
SESSION = "1BVtsOHsecret-session"


@pytest.fixture
def doors(monkeypatch, configured):
    """The sign-in of Telegram: code 11111, then password hush where `has_password`."""
    doors = SimpleNamespace(has_password=False, Step=Step, good_for=timedelta(seconds=30))

    def send_code(_endpoint, phone):
        return Step("code", "half-session", "hash")

    def give_code(_endpoint, step, phone, code):
        assert (step.session, step.code_hash, phone) == ("half-session", "hash", "+79990000000")
        if code != "11111":
            raise SignInRefused("the code is wrong")
        return Step("password", "more") if doors.has_password else Step("", SESSION, user_id=5)

    def give_password(_endpoint, step, password):
        assert step.session == "more"
        if password != "hush":
            raise SignInRefused("the password is wrong")
        return Step("", SESSION, user_id=5)

    def by_qr(_endpoint, show, *, seconds):
        show(QrCode("tg://login?token=abc", BEGAN))
        return Step("", SESSION, user_id=5)

    def ask_qr(_endpoint, session=""):
        doors.asked.append(session)
        doors.meanwhile()
        if not doors.scanned:
            url = f"tg://login?token=number{len(doors.asked)}"
            until = timezone.now() + doors.good_for
            return Step("qr", "qr-session", url=url, expires_at=until.isoformat())
        assert session == "qr-session"
        return Step("password", "more") if doors.has_password else Step("", SESSION, user_id=5)

    vars(doors).update(
        ask_qr=ask_qr,
        scanned=False,
        meanwhile=lambda: None,
        asked=[],
        send_code=send_code,
        give_code=give_code,
        give_password=give_password,
        by_qr=by_qr,
    )
    monkeypatch.setattr(sign_in, "_telegram", lambda: doors)
    return doors


def run(name: str, *arguments: str, **options) -> str:
    out = io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


class TestSignIn:
    def test_in_three_calls_without_a_terminal(self, doors):
        doors.has_password = True

        run("telegram_login", "--phone", "+79990000000")
        assert TelegramAccount.objects.get().state == AccountState.CODE
        run("telegram_login", "--code", "11111")
        assert TelegramAccount.objects.get().state == AccountState.PASSWORD
        assert "вход выполнен" in run("telegram_login", "--password", "hush")

        account = TelegramAccount.objects.get()
        assert encryption.unseal(account.session) == SESSION
        assert not account.pending

    def test_in_one_call(self, doors):
        run("telegram_login", "--phone", "+79990000000", "--code", "11111", "--account", "second")

        assert TelegramAccount.objects.get(name="second").state == AccountState.READY

    def test_a_wrong_code_can_be_given_again(self, doors):
        run("telegram_login", "--phone", "+79990000000")
        with pytest.raises(CommandError, match="неверный код"):
            run("telegram_login", "--code", "00000")

        run("telegram_login", "--code", "11111")

        assert TelegramAccount.objects.get().state == AccountState.READY

    def test_by_qr(self, doors):
        shown = run("telegram_login", "--qr")

        assert "█" in shown
        assert TelegramAccount.objects.get().state == AccountState.READY

    def test_a_sign_in_that_is_begun_again_leaves_a_good_session_alone(self, doors):
        """A mistyped number, or a code that never comes, ended all reading of the account."""
        run("telegram_login", "--phone", "+79990000000", "--code", "11111")

        for again in (("--phone", "+79990000001"), ("--qr",)):
            with pytest.raises(
                CommandError, match="вход в этот аккаунт уже выполнен: сначала выйдите из него"
            ):
                run("telegram_login", *again)

        account = TelegramAccount.objects.get()
        assert (account.state, encryption.unseal(account.session)) == (AccountState.READY, SESSION)

    def test_a_session_that_cannot_be_read_is_replaced(self, doors, settings):
        run("telegram_login", "--phone", "+79990000000", "--code", "11111")
        key = encryption.new_key()
        settings.TELEGRAM = Telegram(api_id=1, api_hash="x", session_key=key, _env_file=None)

        run("telegram_login", "--phone", "+79990000000", "--code", "11111")

        assert encryption.unseal(TelegramAccount.objects.get().session) == SESSION

    @pytest.mark.parametrize("phone", ["abc", "+", " ", "+7 999 x"])
    def test_what_is_no_phone_number_is_refused(self, configured, phone):
        with pytest.raises(CommandError, match="это не номер телефона") as refusal:
            run("telegram_login", "--phone", phone)
        assert refusal.value.returncode == 2

    def test_it_is_recorded_and_can_be_forgotten(self, doors):
        run("telegram_login", "--phone", "+79990000000", "--code", "11111")
        run("telegram_login", "--sign-out")

        events = AuditEntry.objects.order_by("pk").values_list("event", flat=True)
        assert {"telegram.signed_in", "telegram.signed_out"} <= set(events)
        assert TelegramAccount.objects.get().session == b""


class TestSecrets:
    def test_neither_the_session_nor_the_phone_can_be_read_in_the_database(self, doors):
        doors.has_password = True
        run("telegram_login", "--phone", "+79990000000")
        rows = repr(list(TelegramAccount.objects.values()))
        run("telegram_login", "--code", "11111", "--password", "hush")
        rows += repr(list(TelegramAccount.objects.values()))

        for secret in (SESSION, "half-session", "9990000000", "hush", "hash'"):
            assert secret not in rows

    def test_without_a_key_nothing_is_sent_and_the_remedy_is_named(self, doors, settings):
        settings.TELEGRAM = Telegram(api_id=1, api_hash="x", _env_file=None)

        with pytest.raises(CommandError, match="telegram_login --new-key"):
            run("telegram_login", "--phone", "+79990000000")
        assert not TelegramAccount.objects.exists()

    def test_a_new_key_is_a_key(self, db):
        assert Fernet(run("telegram_login", "--new-key").strip())

    def test_with_another_key_it_says_so_and_with_both_it_goes_on(self, configured, settings):
        old = settings.TELEGRAM.session_keys[0]
        sealed = encryption.seal(SESSION)
        new = encryption.new_key()
        settings.TELEGRAM = Telegram(api_id=1, api_hash="x", session_key=new, _env_file=None)
        with pytest.raises(encryption.SessionUnreadable):
            encryption.unseal(sealed)

        both = f"{new},{old}"
        settings.TELEGRAM = Telegram(api_id=1, api_hash="x", session_key=both, _env_file=None)
        assert encryption.unseal(sealed) == SESSION

    def test_without_an_application_it_says_where_one_is_made(self, account):
        with pytest.raises(telegram.NotConfigured, match=r"my\.telegram\.org"):
            telegram.open_access(account)


class TestCommands:
    def test_a_channel_is_read_and_shown(self, server, account):
        fill(server, range(1, 13))
        plan = json.loads(run("ingest_channel", "@channel", "--dry-run", "--json"))
        assert (plan["messages_at_most"], Channel.objects.count()) == (12, 0)

        report = json.loads(run("ingest_channel", "https://t.me/channel", "--limit", "5", "--json"))
        [row] = json.loads(run("channels", "status", "--json"))

        assert (report["new"], row["history_left"]) == (5, 7)
        assert "history" in run("channels", "gaps")
        assert json.loads(run("channels", "fill", "@channel", "--json")) == []
        assert Post.objects.count() == 12

    def test_since_a_day(self, server, account, settings):
        settings.TIME_ZONE = "UTC"
        fill(server, range(1, 13))

        run("ingest_channel", "@channel", "--since", f"{BEGAN:%Y-%m-%dT12:06:00+00:00}")

        assert min(Post.objects.values_list("telegram_message_id", flat=True)) == 6

    @pytest.mark.parametrize("limit", ["0", "-5", "1.5", "many"])
    def test_a_limit_that_reads_nothing_is_refused(self, server, account, limit):
        with pytest.raises(CommandError, match="число от 1 до"):
            run("ingest_channel", "@channel", f"--limit={limit}")

    def test_a_channel_is_read_through_its_account_and_moved_only_if_told_to(self, server, account):
        fill(server, (1, 2, 3))
        run("ingest_channel", "@channel")
        second = TelegramAccount.objects.create(
            tenant=account.tenant, name="second", state=AccountState.READY
        )
        server.asked.clear()

        run("ingest_channel", "@channel")
        assert ChannelFeed.objects.get().account == account
        run("ingest_channel", "@channel", "--account", "second")

        assert ChannelFeed.objects.get().account == second
        assert server.asked.count("join") == 1, "who is no member is not told what happens"

    def test_an_account_that_is_another_user_joins_and_has_its_own_hash(self, server, account):
        fill(server, (1, 2, 3))
        run("ingest_channel", "@channel")
        server.card = replace(server.card, peer=Peer(CHANNEL, 78))
        server.asked.clear()

        run("ingest_channel", "@channel")
        run("ingest_channel", "@channel")

        assert ChannelFeed.objects.get().access_hash == 78
        assert server.asked.count("join") == 1

    def test_another_user_under_the_same_name_closes_no_channel(self, server, account, configured):
        """Hashes are of a user: with a stale one Telegram says that the channel is private."""
        fill(server, (1, 2, 3))
        run("ingest_channel", "@channel")
        server.card = replace(server.card, peer=Peer(CHANNEL, 78))
        server.post(4, "posted since")

        outcome = passes.read_all()

        feed = ChannelFeed.objects.get()
        assert (outcome.failed, feed.state, feed.access_hash) == (0, FeedState.FOLLOWED, 78)
        assert Post.objects.filter(telegram_message_id=4).exists()

    def test_a_channel_that_is_closed_says_why(self, server, account, configured):
        fill(server, (1, 2, 3))
        run("ingest_channel", "@channel")

        def gone(name: str) -> None:
            if name in {"fetch_card", "resolve"}:
                raise ChannelClosed("ChannelPrivateError")

        server.before = gone
        assert passes.read_all().failed == 1
        [row] = json.loads(run("channels", "status", "--json"))

        assert (row["state"], row["reason"]) == ("closed", "ChannelPrivateError")

    def test_an_account_that_is_not_there_is_named(self, server, account):
        with pytest.raises(CommandError, match="'nobody'"):
            run("ingest_channel", "@channel", "--account", "nobody")

    def test_posts_of_a_renamed_channel_have_its_new_links(self, server, account, monkeypatch):
        """A former name leads nowhere, or to whoever takes it; kept links are understood still."""
        monkeypatch.setattr(public_names, "POSTS_AT_ONCE", 4)
        fill(server, range(1, 11))
        run("ingest_channel", "@channel")
        server.card = replace(server.card, username="renamed", title="Another title")

        run("ingest_channel", "@renamed")

        links = Post.objects.order_by("telegram_message_id").values_list(
            "telegram_post_url", flat=True
        )
        assert list(links) == [f"https://t.me/renamed/{i}" for i in range(1, 11)]
        for kept in ("https://t.me/channel/3", "@Channel/3", "Another title/3", "Channel/3"):
            found = json.loads(run("show_post", kept, "--json"))
            assert (found["telegram_message_id"], found["url"]) == (3, "https://t.me/renamed/3")

    def test_a_former_name_that_another_channel_took_is_that_one(self, server, account):
        fill(server, (1, 2, 3))
        run("ingest_channel", "@channel")
        server.card = replace(server.card, username="renamed")
        run("ingest_channel", "@renamed")
        taker = make.channel(username="channel", owner=account.tenant)
        post = make.post(of=taker, telegram_message_id=3)

        assert json.loads(run("show_post", "channel/3", "--json"))["post_id"] == str(post.pk)

    def test_problems_are_an_exit_code(self, server, account):
        fill(server, range(1, 4))
        server.short[server.messages[3].file.path] = 99

        with pytest.raises(SystemExit) as end:
            run("ingest_channel", "@channel")
        assert end.value.code == 1

    @pytest.mark.parametrize("name", ["@nobody", "no such thing!"])
    def test_what_is_no_channel_is_refused_with_two(self, server, account, name):
        with pytest.raises(CommandError) as refusal:
            run("ingest_channel", name)
        assert refusal.value.returncode == 2

    def test_without_an_account_the_way_to_one_is_named(self, server, db):
        with pytest.raises(CommandError, match="telegram_login"):
            run("ingest_channel", "@channel")

    def test_pause_and_resume(self, server, account):
        fill(server, range(1, 4))
        run("ingest_channel", "@channel")

        run("channels", "pause", "@channel")
        assert not Channel.objects.get().is_active
        run("channels", "resume", "@channel")
        assert Channel.objects.get().is_active


class TestConsole:
    @pytest.fixture
    def root(self, client):
        client.force_login(make.superuser())
        return client

    def test_an_account_is_connected_step_by_step(self, root, doors):
        doors.has_password = True
        tenant = make.tenant()
        add = reverse("admin:media_telegramaccount_add")
        root.post(add, {"tenant": tenant.pk, "name": "main", "phone": "+79990000000"})
        account = TelegramAccount.objects.get()
        page = reverse("admin:media_telegramaccount_change", args=[account.pk])
        assert 'name="code"' in root.get(page).content.decode()

        wrong = root.post(page, {"code": "00000"})
        assert "неверный код" in wrong.content.decode()
        root.post(page, {"code": "11111"})
        assert 'name="password"' in root.get(page).content.decode()
        root.post(page, {"password": "hush"})

        account.refresh_from_db()
        assert account.state == AccountState.READY

    @pytest.mark.parametrize("has_password", [False, True])
    def test_an_account_is_connected_by_a_qr_code(self, root, doors, has_password):
        doors.has_password = has_password
        add = reverse("admin:media_telegramaccount_add")
        answer = root.post(add, {"tenant": make.tenant().pk, "name": "main", "by_qr": "on"})
        account = TelegramAccount.objects.get()
        page = reverse("admin:media_telegramaccount_change", args=[account.pk])
        assert (answer["Location"], account.state) == (page, AccountState.QR)
        shown = root.get(page).content.decode()
        assert str(qr_picture("tg://login?token=number1")) in shown
        assert "token=number1" not in shown

        early = root.post(page, {}).content.decode()
        assert "Код ещё никто не отсканировал" in early
        assert str(qr_picture("tg://login?token=number2")) in early
        doors.scanned = True
        root.post(page, {})
        if has_password:
            assert "qr-path" not in root.get(page).content.decode()
            root.post(page, {"password": "hush"})

        account.refresh_from_db()
        assert account.state == AccountState.READY
        assert encryption.unseal(account.session) == SESSION
        assert not account.pending

    def test_what_is_put_off_is_shown(self, root, account):
        rests.note(account, MethodWait(JOIN, 7200), now=BEGAN + timedelta(days=100_000))

        page = root.get(reverse("admin:media_telegramaccount_change", args=[account.pk]))

        assert "вступление в каналы до 2" in page.content.decode()

    @pytest.fixture
    def waiting(self, root, doors):
        """The page of an account whose code has just expired."""
        doors.good_for = timedelta(0)
        add = reverse("admin:media_telegramaccount_add")
        root.post(add, {"tenant": make.tenant().pk, "name": "main", "by_qr": "on"})
        doors.good_for = timedelta(seconds=30)
        return reverse(
            "admin:media_telegramaccount_change", args=[TelegramAccount.objects.get().pk]
        )

    def test_a_code_that_has_expired_is_renewed_by_itself(self, root, doors, waiting):
        page = root.get(waiting)

        assert str(qr_picture("tg://login?token=number2")) in page.content.decode()
        assert page["Refresh"].startswith("30; url=")
        root.get(waiting)
        assert len(doors.asked) == 2  # one that is good is left alone

    def test_a_number_that_is_entered_is_not_lost_by_a_renewal(self, root, doors, waiting):
        page = root.get(waiting, {"by_number": ""})

        assert "Refresh" not in page
        assert 'name="phone"' in page.content.decode()
        assert 'name="phone"' not in root.get(waiting).content.decode()

    def test_a_code_that_was_scanned_meanwhile_signs_in_by_itself(self, root, doors, waiting):
        doors.scanned = True

        page = root.get(waiting)

        assert "Код отсканирован" in page.content.decode()
        assert "Refresh" not in page
        assert TelegramAccount.objects.get().state == AccountState.READY

    def test_a_code_that_was_scanned_too_late_is_said_so(self, root, doors, waiting):
        late = root.post(waiting, {}).content.decode()

        assert "истёк раньше, чем его отсканировали" in late
        assert str(qr_picture("tg://login?token=number2")) in late

    def test_where_telegram_does_not_answer_the_page_says_so(self, root, doors, waiting):
        def unreachable():
            raise Unreachable("no connection to Telegram")

        doors.meanwhile = unreachable

        page = root.get(waiting)

        assert page.status_code == 200
        assert "No connection to Telegram" in page.content.decode()
        assert "<svg" not in page.content.decode().split("field-qr_code")[1].split("</div>")[0]

    def test_of_two_pages_the_later_answer_does_not_undo_the_sign_in(self, doors):
        account = sign_in.begin_qr(make.tenant(), "main")

        def scanned_in_the_other_one():
            doors.meanwhile, doors.scanned = (lambda: None), True
            sign_in.ask_qr(TelegramAccount.objects.get())
            doors.scanned = False

        doors.meanwhile = scanned_in_the_other_one
        found = sign_in.ask_qr(account)

        assert found.state == TelegramAccount.objects.get().state == AccountState.READY

    def test_who_may_only_look_asks_telegram_for_nothing(self, doors, waiting, client):
        viewer = make.member()
        client.force_login(viewer)
        before = len(doors.asked)

        assert "<svg" not in client.get(waiting).content.decode().split("field-state")[-1]
        assert len(doors.asked) == before

    def test_who_waits_for_a_scan_may_take_the_number_instead(self, root, doors):
        add = reverse("admin:media_telegramaccount_add")
        root.post(add, {"tenant": make.tenant().pk, "name": "main", "by_qr": "on"})
        account = TelegramAccount.objects.get()

        page = reverse("admin:media_telegramaccount_change", args=[account.pk])
        root.post(page, {"phone": "+79990000000"})

        account.refresh_from_db()
        assert account.state == AccountState.CODE

    def test_a_qr_code_leaves_a_good_session_alone(self, root, doors):
        run("telegram_login", "--phone", "+79990000000", "--code", "11111")
        account = TelegramAccount.objects.get()

        page = reverse("admin:media_telegramaccount_change", args=[account.pk])
        answer = root.post(page, {"by_qr": "on"}).content.decode()

        assert "сначала выйдите из него" in answer
        assert doors.asked == []

    def test_the_link_of_a_qr_code_can_be_read_nowhere(self, doors):
        sign_in.begin_qr(make.tenant(), "main")

        assert "token=" not in repr(list(TelegramAccount.objects.values()))

    def test_a_channel_is_shown_before_it_is_added(self, root, server, account, configured):
        fill(server, range(1, 13))
        add = reverse("admin:media_channelfeed_add")
        sent = {"account": account.pk, "reference": "@channel"}

        first = root.post(add, sent)
        assert "Channel" in first.content.decode()
        assert not ChannelFeed.objects.exists()
        seen = sent | {"confirmed": first.context["adminform"].form.data["confirmed"]}
        root.post(add, seen | {"since": "2026-01-02 00:00"})
        assert not ChannelFeed.objects.exists(), "other messages than were previewed"
        root.post(add, seen)

        assert ChannelFeed.objects.get().channel.title == "Channel"
        assert ChannelGap.objects.get().reason == "history"

    @pytest.mark.parametrize(
        "why", ["", "paused", "closed", "rests", "signed out", "no application"]
    )
    def test_it_does_not_promise_to_read_what_no_pass_reads(
        self, root, server, account, configured, settings, why
    ):
        fill(server, range(1, 13))
        with telegram.connected(account) as access:
            feed = ingest.add(access, account, "@channel").feed
        soon = timezone.now() + timedelta(hours=1)
        if why == "paused":
            Channel.objects.update(is_active=False)
        elif why == "closed":
            ChannelFeed.objects.update(state=FeedState.CLOSED, rests_until=soon)
        elif why == "rests":
            TelegramAccount.objects.update(rests_until=soon)
        elif why == "signed out":
            TelegramAccount.objects.update(state=AccountState.SIGNED_OUT)
        elif why:
            settings.TELEGRAM = Telegram(_env_file=None)
        body = {"action": "read_gaps", "_selected_action": [feed.pk]}

        page = root.post(list_of(ChannelFeed), body, follow=True).content.decode()

        assert ("прочтёт следующий проход" in page) is not bool(why)
        assert ("сейчас не читаются" in page) is bool(why)

    def test_it_says_what_is_lacking(self, root, db):
        page = root.get(reverse("admin:media_telegramaccount_changelist"))

        assert "my.telegram.org" in page.content.decode()
