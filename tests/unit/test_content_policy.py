"""The policy of content: whose pictures pages may show, and where forms may lead."""

from types import SimpleNamespace

import pytest

from telegram_assistant.security import policy_middleware
from telegram_assistant.security.content_policy import bucket_origins, directives


def test_nothing_of_others_is_loaded_where_nothing_is_configured():
    told = directives()

    assert told["img-src"] == ["'self'"]
    assert told["form-action"] == ["'self'"]
    assert told["default-src"] == told["object-src"] == told["base-uri"] == ["'none'"]
    assert "unsafe" not in str(told)


def test_pictures_come_from_the_bucket_too():
    origins = bucket_origins("https://s3.example:9000", "archive", path_style=True)

    assert directives(pictures_from=origins)["img-src"] == ["'self'", "https://s3.example:9000"]


def test_a_bucket_that_is_a_host_is_named_as_one():
    origins = bucket_origins("https://s3.example", "archive", path_style=False)

    assert origins == ["https://s3.example", "https://archive.s3.example"]


@pytest.mark.parametrize(
    ("page", "configured", "added"),
    [
        ("account_login", True, {"form-action": ["https:"]}),
        ("account_login", False, {}),
        ("mfa_activate_totp", False, {"img-src": ["data:"]}),
        ("index", True, {}),
        ("", True, {}),
    ],
)
def test_pages_of_the_door_have_what_they_need_and_no_other(settings, page, configured, added):
    settings.OIDC = SimpleNamespace(configured=configured)

    assert policy_middleware._needs(page) == added
