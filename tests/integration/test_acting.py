"""Commands with --as USER do no more than that user may."""

import json
from importlib import import_module
from io import StringIO

import pytest
from django.core.management import CommandError, call_command, get_commands

from accounts.management.acting_command import ActingCommand
from accounts.models import Membership, Role
from media.models import ImportRun, Post
from media.services import imports
from media.services.pipeline import batches
from tests import factories as make

pytestmark = pytest.mark.django_db

NOT_FOR_USERS = {
    # Processes and the set-up of the installation, for who has the server.
    "demo", "local", "migrate", "qcluster", "task_cluster", "telegram_listen", "worker",
}  # fmt: skip
OUR_APPS = (
    "accounts",
    "albums",
    "crawl",
    "events",
    "media",
    "graph",
    "search",
    "storage_quota",
    "telegram_assistant",
    "vision",
)
OF_EVERYTHING = {
    ("diag_locks",): Role.VIEWER,
    ("diag_s3", "usage"): Role.VIEWER,
    ("doctor", "--only", "database"): Role.VIEWER,
    ("diag_vision", "stats"): Role.VIEWER,
    ("emergency_s3_cleanup", "crawl", "--dry-run"): Role.OPERATOR,
    ("events", "stats"): Role.OPERATOR,
    ("reanalyze", "--all"): Role.OPERATOR,
    ("rebuild_index",): Role.OPERATOR,
    ("search_status",): Role.VIEWER,
    ("sync_lifecycle", "--show"): Role.OPERATOR,
    ("verify_projections",): Role.OPERATOR,
    ("verify_storage", "--dry-run"): Role.OPERATOR,
}
OF_A_TENANT = {
    ("crawl", "--retry", "--dry-run", "--tenant", "{}"): Role.OPERATOR,
    ("diag_vision", "budget", "--tenant-id", "{}"): Role.VIEWER,
    ("diag_vision", "stats", "--tenant-id", "{}"): Role.VIEWER,
    ("diag_vision", "budget", "--reset", "--tenant-id", "{}"): Role.OPERATOR,
    ("reanalyze", "--tenant", "{}"): Role.OPERATOR,
    ("rebuild_index", "--tenant", "{}"): Role.OPERATOR,
    ("search", "word", "--tenant", "{}"): Role.VIEWER,
    ("search", "check-filters", "--tenant", "{}"): Role.VIEWER,
    ("verify_projections", "--tenant", "{}"): Role.OPERATOR,
    ("import_export", "{export}", "--tenant", "{}", "--problems-ok"): Role.OPERATOR,
}
ENOUGH = {Role.VIEWER: set(Role), Role.OPERATOR: {Role.OPERATOR, Role.ADMINISTRATOR}}


@pytest.fixture
def export(tmp_path):
    """The folder of an export with one post."""
    message = {
        "id": 1, "type": "message", "date": "2026-11-01T10:00:00", "date_unixtime": "1793516400",
        "from": "Канал", "from_id": "channel7", "text": "слово", "text_entities": [],
    }  # fmt: skip
    chat = {"name": "Канал", "type": "public_channel", "id": 7, "messages": [message]}
    (tmp_path / "result.json").write_text(json.dumps(chat))
    return str(tmp_path)


def run(user, *command):
    """Run a command for a user; None if it is refused, with what it said."""
    name, *words = command
    out = StringIO()
    try:
        call_command(name, "--as", user.username, *words, stdout=out, stderr=StringIO())
    except CommandError as refusal:
        return None, str(refusal)
    except SystemExit:
        pass  # it worked, and has something to say
    return out.getvalue(), ""


def test_every_command_of_ours_knows_users_or_is_the_servers():
    ours = {
        name for name, app in get_commands().items()
        if str(getattr(app, "name", app)) in OUR_APPS
    }  # fmt: skip
    without = {
        name
        for name in ours
        if not issubclass(
            import_module(f"{get_commands()[name]}.management.commands.{name}").Command,
            ActingCommand,
        )
    }

    assert without <= NOT_FOR_USERS


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("command", OF_EVERYTHING, ids=" ".join)
def test_what_concerns_every_tenant_is_for_who_has_the_right_in_each(command, role):
    own, _other = make.tenant(), make.tenant()
    of_one, of_both = make.member(role, own), make.member(role)

    refused, why = run(of_one, *command)
    done, _ = run(of_both, *command)

    assert refused is None
    assert "на всех арендаторов" in why
    assert (done is not None) is (role in ENOUGH[OF_EVERYTHING[command]])


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("command", OF_A_TENANT, ids=lambda words: " ".join(words[:3]))
def test_what_concerns_a_tenant_is_for_its_members_with_that_right(export, command, role):
    own, other = make.tenant(), make.tenant()
    user = make.member(role, own)

    def of(tenant):
        return run(user, *(word.format(tenant, export=export) for word in command))

    done, _ = of(own.pk)
    foreign, why = of(other.name)
    absent, unknown = of("nobody's")

    assert (done is not None) is (role in ENOUGH[OF_A_TENANT[command]])
    assert foreign is absent is None
    assert why.replace(repr(other.name), "…") == unknown.replace(repr("nobody's"), "…")
    assert repr(other.name) not in unknown


def test_a_post_of_another_tenant_is_one_that_is_not_there():
    own, other = make.tenant(), make.tenant()
    foreign = make.post(of=make.channel(owner=other))
    user = make.member("administrator", own)

    shown, _ = run(user, "diag_vision", "--json", "--post-id", str(foreign.pk))

    assert json.loads(shown)["status"] == "not found"


@pytest.mark.parametrize("state", ["unknown", "closed", "removed"])
def test_who_is_no_user_any_more_does_nothing(export, state):
    tenant, user = make.tenant(), make.member("administrator")
    if state == "unknown":
        user.username = "nobody"
    elif state == "closed":
        user.is_active = False
        user.save()
    else:
        Membership.objects.all().delete()

    done, why = run(user, "import_export", export, "--tenant", tenant.name, "--problems-ok")

    assert done is None
    assert why
    assert not Post.objects.exists()


def test_without_it_a_command_may_do_everything():
    make.tenant()
    out = StringIO()

    call_command("diag_s3", "usage", "--json", stdout=out)

    assert json.loads(out.getvalue())["objects"] == 0


@pytest.mark.parametrize("how", ["demoted", "removed", "deactivated"])
def test_an_import_ends_where_its_user_may_no_more(tmp_path, store, monkeypatch, how):
    tenant = make.tenant()
    user = make.member(Role.OPERATOR, tenant)
    message = {
        "type": "message", "date": "2026-11-01T10:00:00", "date_unixtime": "1793516400",
        "from": "Канал", "from_id": "channel7", "text": "слово", "text_entities": [],
    }  # fmt: skip
    messages = [message | {"id": number} for number in range(1, 41)]
    chat = {"name": "Канал", "type": "public_channel", "id": 7, "messages": messages}
    (tmp_path / "result.json").write_text(json.dumps(chat))
    monkeypatch.setattr(batches, "BATCH_MESSAGES", 2)
    real = imports.add_up

    def add_up(*args, **options):
        real(*args, **options)
        if not Post.objects.exists():
            return
        match how:
            case "demoted":
                Membership.objects.filter(user=user).update(role=Role.VIEWER)
            case "removed":
                Membership.objects.filter(user=user).delete()
            case "deactivated":
                type(user).objects.filter(pk=user.pk).update(is_active=False)

    monkeypatch.setattr(imports, "add_up", add_up)

    said, refusal = run(user, "import_export", str(tmp_path), "--tenant", str(tenant.pk))

    assert said is None
    assert f"нет права «работа» на арендатора {tenant}" in refusal
    assert 0 < Post.objects.count() < 10
    assert ImportRun.objects.get().finished_at is not None
