"""All secrets that the installation is configured with."""

import base64
from collections.abc import Iterator
from dataclasses import fields
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from telegram_assistant.config import Environment


def secrets_of(env: Environment) -> Iterator[str]:
    """Yield the value of every secret variable, and the passwords that are parts of one."""
    for group in (getattr(env, each.name) for each in fields(env)):
        for name in type(group).model_fields:
            value = getattr(group, name)
            if isinstance(value, SecretStr):
                yield from _with_its_password(value.get_secret_value())
    yield env.s3.access_key_id
    yield from _pair(env.gigachat.authorization_key.get_secret_value())


def _with_its_password(secret: str) -> Iterator[str]:
    yield secret
    if "://" in secret and (password := urlsplit(secret).password):
        yield password
        yield unquote(password)


def _pair(authorization_key: str) -> Iterator[str]:
    """The key is base64 of a name and a password, either of which says as much as the key."""
    pair = base64.b64decode(authorization_key).decode(errors="ignore")
    yield from (authorization_key, pair, *pair.split(":", 1))
