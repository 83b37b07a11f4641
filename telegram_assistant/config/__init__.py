"""
The environment variables, typed and checked at start.

Every variable is read here and nowhere else. A bad value stops the process with a message that
names the variable; nothing falls back silently to a default.
"""

from telegram_assistant.config.api import Api
from telegram_assistant.config.audit import Audit
from telegram_assistant.config.environment import Environment, read
from telegram_assistant.config.gigachat import GigaChat
from telegram_assistant.config.history import History
from telegram_assistant.config.qdrant import Qdrant
from telegram_assistant.config.search import Search
from telegram_assistant.config.sign_in import Email, Oidc, SignIn
from telegram_assistant.config.source import BASE_DIR
from telegram_assistant.config.storage import S3, Cleanup, Limits
from telegram_assistant.config.telegram import Telegram
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
    "Oidc",
    "Qdrant",
    "Search",
    "SignIn",
    "Telegram",
    "Vision",
    "Web",
    "read",
]
