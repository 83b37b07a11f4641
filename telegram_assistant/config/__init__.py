"""
The environment variables, typed and checked at start.

Every variable is read here and nowhere else. A bad value stops the process with a message that
names the variable; nothing falls back silently to a default.
"""

from telegram_assistant.config.accounts.api import Api
from telegram_assistant.config.accounts.audit import Audit
from telegram_assistant.config.accounts.sign_in import Email, Oidc, SignIn
from telegram_assistant.config.environment import Environment, read
from telegram_assistant.config.history import History
from telegram_assistant.config.search import Search
from telegram_assistant.config.servers.gigachat import GigaChat
from telegram_assistant.config.servers.neo4j import Neo4j
from telegram_assistant.config.servers.qdrant import Qdrant
from telegram_assistant.config.servers.storage import S3, Cleanup, Limits
from telegram_assistant.config.servers.telegram import Telegram
from telegram_assistant.config.source import BASE_DIR
from telegram_assistant.config.vision import Albums, Documents, Vision
from telegram_assistant.config.web import Metrics, Web

__all__ = [
    "BASE_DIR",
    "S3",
    "Albums",
    "Api",
    "Audit",
    "Cleanup",
    "Documents",
    "Email",
    "Environment",
    "GigaChat",
    "History",
    "Limits",
    "Metrics",
    "Neo4j",
    "Oidc",
    "Qdrant",
    "Search",
    "SignIn",
    "Telegram",
    "Vision",
    "Web",
    "read",
]
