"""An installation with DEPLOYED: what it says to browsers, and that Django's own check is content."""

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from django.db import connection

from tests.processes import run_python

pytestmark = pytest.mark.django_db  # pytest-django makes a database only for those who say so

ROOT = Path(__file__).resolve().parents[2]
NOT_SECURE = ["not secure", "other host, not secure", "live, not secure"]
YEAR = 31_536_000


def environment(var_dir: Path, **variables: str) -> dict[str, str]:
    """Variables of a deployed installation whose other variables nobody has set."""
    return {
        "PATH": os.environ["PATH"], "VAR_DIR": str(var_dir), "LOG_LEVEL": "ERROR",
        "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "telegram_assistant.settings",
        "DEPLOYED": "1", "ALLOWED_HOSTS": "archive.example", **variables,
    }  # fmt: skip


UNDER_NO_UMASK = """
import os, runpy, sys
os.umask(0)
sys.argv = ["manage.py", *sys.argv[1:]]
runpy.run_path("manage.py", run_name="__main__")
"""
CHECK = ("check", "--deploy", "--fail-level", "WARNING")


@pytest.fixture(scope="module")
def database(django_db_setup, django_db_blocker) -> str:
    """The address of the test's database, for another process that only reads."""
    with django_db_blocker.unblock():
        given = connection.get_connection_params()
    login = f"{given['user']}:{quote(given.get('password') or '', safe='')}".rstrip(":")
    return f"postgresql://{login}@/{given['dbname']}?" + urlencode(
        {name: given[name] for name in ("host", "port") if given.get(name)}
    )


@pytest.fixture(scope="module")
def answers(tmp_path_factory, database) -> dict:
    told = run_python(
        "-m",
        "tests.integration.deployed_probe",
        env=environment(tmp_path_factory.mktemp("var"), DATABASE_URL=database),
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


@pytest.fixture(scope="module")
def checked(tmp_path_factory) -> tuple[Path, "subprocess.CompletedProcess[str]"]:
    """Where an installation has begun, and what Django's check of it said."""
    var = tmp_path_factory.mktemp("checked") / "deep" / "var"
    return var, run_python("-c", UNDER_NO_UMASK, *CHECK, env=environment(var))


def test_djangos_check_of_a_deployment_is_content(checked):
    _, told = checked

    assert told.returncode == 0, told.stderr


def test_djangos_check_is_content_behind_a_proxy_and_without_subdomains(tmp_path):
    variables = {"HSTS_SUBDOMAINS": "false", "TRUSTED_PROXIES": "1"}
    told = run_python("manage.py", *CHECK, env=environment(tmp_path, **variables))

    assert told.returncode == 0, told.stderr


def test_the_key_and_what_is_counted_are_the_owners(checked):
    """Whatever the umask of whoever starts it."""
    var, told = checked

    assert told.returncode == 0, told.stderr
    modes = {path.name: path.stat().st_mode & 0o777 for path in [var, *var.iterdir()]}
    assert modes["secret_key"] == 0o600
    assert (modes["var"], modes["metrics"]) == (0o700, 0o700)


def test_every_answer_has_the_headers(answers):
    for name, answer in answers.items():
        headers = answer["headers"]
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["X-Frame-Options"] == "DENY", name
        assert headers["Referrer-Policy"] == "same-origin", name
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", name
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", name
        assert "camera=()" in headers["Permissions-Policy"], name
        assert headers["Cache-Control"], name
        assert "Access-Control-Allow-Origin" not in headers, name
        assert not {"Server", "X-Powered-By"} & set(headers), name


def test_every_answer_says_what_it_is(answers):
    for name, answer in answers.items():
        told = answer["headers"].get("Content-Type", "text/html; charset=utf-8")
        if told.startswith("text/"):
            assert "charset=" in told.lower(), name
        else:
            assert told in {"application/json", "application/problem+json"}, name


def test_every_answer_has_the_policy_of_content(answers):
    for name, answer in answers.items():
        policy = answer["headers"]["Content-Security-Policy"]
        told = dict(part.partition(" ")[::2] for part in policy.split("; "))
        assert "unsafe" not in policy, name
        assert told["script-src"] == "'self'", name
        for directive in ("default-src", "object-src", "base-uri", "frame-ancestors"):
            assert told[directive] == "'none'", name
        assert told["form-action"] == "'self'", name
        assert "upgrade-insecure-requests" in told, name


def test_every_secure_answer_asks_for_https_for_a_year(answers):
    for name, answer in answers.items():
        if name not in [*NOT_SECURE, "said to be secure"]:
            told = answer["headers"]["Strict-Transport-Security"]
            assert told == f"max-age={YEAR}; includeSubDomains", name


def test_what_is_not_secure_is_sent_to_https(answers):
    sent = answers["not secure"]
    assert (sent["status"], sent["headers"]["Location"]) == (301, "https://archive.example/admin/")


def test_nobody_is_believed_to_be_secure_by_an_own_word(answers):
    assert answers["said to be secure"]["status"] == 301


def test_a_proxy_elsewhere_is_believed_where_the_installation_says_so(tmp_path):
    told = run_python(
        "-c", "from django.conf import settings; print(settings.SECURE_PROXY_SSL_HEADER)",
        env=environment(tmp_path, TRUSTED_PROXIES="1"),
    )  # fmt: skip

    assert told.stdout.strip() == "('HTTP_X_FORWARDED_PROTO', 'https')", told.stderr


@pytest.mark.parametrize("name", ["other host", "other host at health", "other host, not secure"])
def test_a_foreign_host_is_refused_everywhere(answers, name):
    assert answers[name]["status"] == 400


def test_health_is_answered_without_https_on_this_host(answers):
    assert answers["live, not secure"]["status"] == 200


def test_every_cookie_is_of_this_host_only(answers):
    cookies = {name: one for a in answers.values() for name, one in a["cookies"].items()}

    assert "__Host-csrftoken" in cookies
    for name, cookie in cookies.items():
        assert name.startswith("__Host-"), name
        assert cookie["secure"], name
        assert cookie["httponly"], name
        assert (cookie["path"], cookie["domain"]) == ("/", ""), name
        assert cookie["samesite"] == "Lax", name


def test_statuses_are_those_of_any_installation(answers):
    told = {name: answers[name]["status"] for name in ("door", "page", "static", "missing")}
    assert told == {"door": 200, "page": 302, "static": 200, "missing": 404}
    assert answers["metrics"]["status"] in {401, 403}
    assert answers["refused"]["status"] in {401, 403}
