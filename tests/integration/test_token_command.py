"""`manage.py api_token`: the token goes to stdout, once, and nowhere else."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone, translation

from accounts.models import ApiToken, AuditEntry, Role
from tests import factories as make
from tests.tokens import member, token_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_english():
    with translation.override("en"):
        yield


@pytest.fixture
def run(capsys):
    def _(*arguments):
        call_command("api_token", *arguments)
        return capsys.readouterr()

    return _


@pytest.fixture
def ann():
    return member(make.tenant("Alice's"), username="ann")


def test_it_makes_a_token_that_works(run, ann, client, caplog):
    said = run("create", "--user", "ann", "--tenant", "Alice's", "--days", "7", "--name", "backup")

    secret = said.out.strip()
    token = ApiToken.objects.get()
    assert secret[15:] not in said.err + caplog.text + str(list(AuditEntry.objects.values()))
    assert secret[:15] in said.err
    assert (token.name, token.scope, str(token.tenant)) == ("backup", "read", "Alice's")
    assert (token.expiry - timezone.now()).days in {6, 7}
    headers = {"Authorization": f"Token {secret}"}
    assert client.get("/api/v1/vision/posts", headers=headers).status_code == 200


def test_as_json_it_is_one_object(run, ann):
    said = json.loads(run("create", "--user", "ann", "--endless", "--json").out)

    assert said["token"].startswith(said["begins_with"])
    assert said["expiry"] is None
    [listed] = json.loads(run("list", "--json").out)
    assert listed == {name: value for name, value in said.items() if name != "token"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "--user", "nobody"), "no user 'nobody'"),
        (("create", "--user", "ann", "--tenant", "Bob's"), "no tenant"),
        (("create", "--user", "ann", "--scope", "operate"), "role"),
        (("create", "--user", "ann", "--days", "9999"), "at most"),
        (("create", "--user", "ann", "--days", "0"), "a number from 1"),
        (("revoke",), "Name tokens"),
        (("revoke", "ta_0", "--all"), "Name tokens"),
        (("revoke", "ta_0"), "0 tokens begin"),
        (("list", "--user", "nobody"), "no user"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(run, ann, arguments, words):
    with pytest.raises(CommandError, match=words):
        run(*arguments)

    assert not ApiToken.objects.exists()


def test_it_lists_and_revokes_by_the_beginning(run, ann):
    (first, _), (second, _) = token_of(ann), token_of(ann)

    assert run("revoke", f"{first.token_key}…").out == "Revoked 1 token.\n"

    assert first.token_key not in run("list").out
    assert second.token_key in run("list", "--user", "ann").out
    assert "revoked" in run("list", "--all").out
    with pytest.raises(CommandError, match="2 tokens begin"):
        run("revoke", "ta_")
    with pytest.raises(SystemExit):
        run("revoke", str(first.pk))
    assert json.loads(run("revoke", str(second.pk), "--json").out.splitlines()[-1]) == {
        "revoked": 1
    }
    assert run("list").out == "No such tokens.\n"


def test_it_revokes_all_of_a_user(run, ann):
    bob = member(make.tenant(), role=Role.OPERATOR)
    for user in (ann, ann, bob):
        token_of(user)

    assert run("revoke", "--user", "ann").out == "Revoked 2 tokens.\n"

    assert [token.user for token in ApiToken.objects.filter(revoked_at=None)] == [bob]


def test_on_behalf_of_a_user_it_is_about_the_own_tokens(run, ann):
    bob = member(make.tenant())
    theirs, _ = token_of(bob)

    for arguments in (("create", "--user", bob.username), ("revoke", theirs.token_key)):
        with pytest.raises(CommandError):
            run("--as", "ann", *arguments)
    with pytest.raises(CommandError, match="superuser"):
        run("--as", "ann", "create", "--user", "ann", "--endless")
    run("--as", "ann", "create", "--user", "ann")

    [own] = json.loads(run("--as", "ann", "list", "--json").out)
    assert own["user"] == "ann"
    assert run("--as", "ann", "revoke", "--all").out == "Revoked 1 token.\n"
    assert [token.pk for token in ApiToken.objects.filter(revoked_at=None)] == [theirs.pk]


def test_an_administrator_revokes_what_is_for_the_own_tenant(run):
    tenant, other = make.tenant(), make.tenant()
    user = member(tenant, other)
    here, there = (token_of(user, tenant=one)[0] for one in (tenant, other))
    boss = member(tenant, role=Role.ADMINISTRATOR)

    assert here.token_key in run("--as", boss.username, "list").out
    assert run("--as", boss.username, "revoke", "--all").out == "Revoked 1 token.\n"

    assert [token.pk for token in ApiToken.objects.filter(revoked_at=None)] == [there.pk]
