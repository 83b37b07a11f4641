"""Tell the audit with which settings the web server and the workers start."""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Final, get_args

from django.conf import settings
from django.db import DatabaseError, connection
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from accounts.audit.configuration import Configuration, note
from events.logs import redaction
from telegram_assistant.config import Environment

logger = logging.getLogger(__name__)

SECRET_TEXTS: Final = frozenset({"S3_ACCESS_KEY_ID"})
"""Variables whose text is no SecretStr, and is hidden in logs all the same."""
AGAIN_AFTER: Final = 30.0
"""Seconds after which a web server without a database tries again."""


def of_workers() -> None:
    note("workers", in_force(settings.ENV))


def of_web_server() -> None:
    """Compare in the background: a web server starts, and says what is wrong, without a database too."""
    threading.Thread(target=_until_noted, name="settings audit", daemon=True).start()


def in_force(env: Environment) -> Configuration:
    values: dict[str, str] = {}
    secrets: dict[str, str] = {}
    defaults: dict[str, str] = {}
    for name, is_secret, value, default in _variables(env):
        if is_secret:
            secrets[name] = _text(value)
        else:
            values[name] = redaction.redact(_text(value))
            defaults[name] = _text(default)
    secrets.setdefault("DJANGO_SECRET_KEY", "")
    secrets["DJANGO_SECRET_KEY"] = secrets["DJANGO_SECRET_KEY"] or settings.SECRET_KEY
    return Configuration(values, secrets, defaults)


def _variables(env: Environment) -> Iterator[tuple[str, bool, Any, Any]]:
    """Yield of each variable its name, whether it is a secret, its value and its default."""
    for group in (getattr(env, each.name) for each in fields(env)):
        kind: type[BaseSettings] = type(group)
        prefix = str(kind.model_config.get("env_prefix", ""))
        for name, declared in kind.model_fields.items():
            variable = f"{prefix}{name}".upper()
            is_secret = variable in SECRET_TEXTS or SecretStr in _types(declared.annotation)
            default = declared.get_default(call_default_factory=True, validated_data={})
            yield variable, is_secret, getattr(group, name), default


def _types(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *get_args(annotation))


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a default of 15 is read as 15.0
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _until_noted() -> None:
    while not _noted():
        time.sleep(AGAIN_AFTER)


def _noted() -> bool:
    try:
        note("web", in_force(settings.ENV))
    except DatabaseError as failure:
        logger.warning("Settings are not compared with those of the last start yet: %s", failure)
        return False
    finally:
        connection.close()
    return True
