"""The policy of content: whose pictures pages may show, and where forms may lead."""

from types import SimpleNamespace

import pytest

from telegram_assistant.config import S3
from telegram_assistant.security import policy_middleware
from telegram_assistant.security.content_policy import bucket_origins, directives


def test_nothing_of_others_is_loaded_where_nothing_is_configured():
    told = directives()

    assert told["img-src"] == ["'self'"]
    assert told["form-action"] == ["'self'"]
    assert told["default-src"] == told["object-src"] == told["base-uri"] == ["'none'"]
    assert "unsafe" not in str(told)


@pytest.fixture
def s3():
    def configured(**fields) -> S3:
        given = {"bucket_name": "archive", "access_key_id": "key", "secret_access_key": "hush"}
        return S3(endpoint_url="https://s3.example:9000", **given, **fields)

    return configured


@pytest.mark.parametrize(
    ("fields", "origins"),
    [
        ({"force_path_style": True}, ["https://s3.example:9000"]),
        (
            {"force_path_style": False},
            ["https://s3.example:9000", "https://archive.s3.example:9000"],
        ),
        ({"presigned_url_ttl": 0}, []),
    ],
)
def test_pictures_come_from_the_bucket_too_where_links_lead_there(s3, fields, origins):
    told = bucket_origins(s3(**fields))

    assert told == origins
    assert directives(pictures_from=told)["img-src"] == ["'self'", *origins]


def test_without_a_bucket_there_is_no_other_origin():
    assert bucket_origins(S3.model_construct()) == []


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
