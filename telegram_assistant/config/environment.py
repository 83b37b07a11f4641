"""All variables together."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from events.sentences import gettext_noop
from telegram_assistant.config.accounts.api import Api
from telegram_assistant.config.accounts.audit import Audit
from telegram_assistant.config.accounts.sign_in import Email, Oidc, SignIn
from telegram_assistant.config.crawl import Crawl
from telegram_assistant.config.history import History
from telegram_assistant.config.search import Search
from telegram_assistant.config.servers.gigachat import GigaChat
from telegram_assistant.config.servers.neo4j import Neo4j
from telegram_assistant.config.servers.qdrant import Qdrant
from telegram_assistant.config.servers.storage import S3
from telegram_assistant.config.servers.telegram import Telegram
from telegram_assistant.config.source import ENV_FILE
from telegram_assistant.config.vision import Albums, Documents, Vision
from telegram_assistant.config.web import Metrics, Web


@dataclass(frozen=True, slots=True)
class Environment:
    web: Web
    s3: S3
    vision: Vision
    documents: Documents
    gigachat: GigaChat
    albums: Albums
    crawl: Crawl
    history: History
    search: Search
    qdrant: Qdrant
    neo4j: Neo4j
    metrics: Metrics
    api: Api
    sign_in: SignIn
    oidc: Oidc
    email: Email
    audit: Audit
    telegram: Telegram


GROUPS: Final[dict[str, type[BaseSettings]]] = {
    "web": Web,
    "s3": S3,
    "vision": Vision,
    "documents": Documents,
    "gigachat": GigaChat,
    "albums": Albums,
    "crawl": Crawl,
    "history": History,
    "search": Search,
    "qdrant": Qdrant,
    "neo4j": Neo4j,
    "metrics": Metrics,
    "api": Api,
    "sign_in": SignIn,
    "oidc": Oidc,
    "email": Email,
    "audit": Audit,
    "telegram": Telegram,
}
_NOT_USABLE: Final = gettext_noop("The environment is not usable:")
LIKENESS: Final = 0.85
"""From which on a name is taken for a slip; what is farther away may be meant for other programs."""


def read() -> Environment:
    """Read all variables; raises ImproperlyConfigured, which lists every variable that is wrong."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, group in GROUPS.items():
        try:
            values[name] = group()
        except ValidationError as exc:
            problems += _problems(group, exc)
    if problems:
        raise ImproperlyConfigured(_NOT_USABLE + "\n  " + "\n  ".join(problems))
    return Environment(**values)


def misspelled() -> Iterator[tuple[str, str]]:
    """
    Names in .env that nothing reads and that look like one of ours, each with that one.

    Only .env is looked at: the environment of a process holds much that is not ours.
    """
    known = {
        f"{group.model_config.get('env_prefix', '')}{name}".upper()
        for group in GROUPS.values()
        for name in group.model_fields
    }
    for name in dotenv_values(ENV_FILE):
        if name.upper() not in known:
            for meant in get_close_matches(name.upper(), known, n=1, cutoff=LIKENESS):
                yield name, meant


def _problems(group: type[BaseSettings], error: ValidationError) -> list[str]:
    prefix = str(group.model_config.get("env_prefix", ""))
    return [_describe(prefix, problem["loc"], problem["msg"]) for problem in error.errors()]


def _describe(prefix: str, location: tuple[int | str, ...], message: str) -> str:
    """Name the variable and what is wrong with it. The value is left out: it may be a secret."""
    text = message.removeprefix("Value error, ")
    if not location:
        return text
    return f"{prefix}{str(location[0]).upper()}: {text}"
