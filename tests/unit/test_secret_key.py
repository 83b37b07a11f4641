"""The key that an installation makes for itself."""

import os

import pytest
from django.core.exceptions import ImproperlyConfigured

from telegram_assistant import secret_key
from telegram_assistant.config.deployment import key_objection


def test_it_is_made_once_and_nobody_else_can_read_it(tmp_path):
    before = os.umask(0)
    try:
        key = secret_key.read_or_make(tmp_path / "var")
    finally:
        os.umask(before)

    assert secret_key.read_or_make(tmp_path / "var") == key
    assert key_objection(key) is None
    assert (tmp_path / "var" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700


def test_two_installations_have_two(tmp_path):
    assert secret_key.read_or_make(tmp_path / "a") != secret_key.read_or_make(tmp_path / "b")


def test_one_that_a_copy_opened_to_others_is_closed_again(tmp_path):
    key = secret_key.read_or_make(tmp_path)
    (tmp_path / "secret_key").chmod(0o644)

    assert secret_key.read_or_make(tmp_path) == key
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "changeme", "x" * 80])
def test_one_that_can_be_guessed_is_refused_and_not_shown(tmp_path, content):
    (tmp_path / "secret_key").write_text(content)

    with pytest.raises(ImproperlyConfigured, match="delete it, and a new one is made") as refusal:
        secret_key.read_or_make(tmp_path)

    assert not content or content not in str(refusal.value)
