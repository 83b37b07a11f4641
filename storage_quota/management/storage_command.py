"""The base of the commands about the bucket: the one place that tells people of its failures."""

from typing import Any, ClassVar

from django.core.management.base import CommandError
from django.db import DatabaseError

from accounts.management.acting_command import ActingCommand
from events.errors import DomainError, RetryLater
from events.inspection import tables
from events.management.json_command import CANNOT_WORK


class StorageCommand(ActingCommand):
    """
    A command whose `work` may fail as the store, the quota or the database do.

    Then it ends with the message, which names cause and remedy, with exit code 2 (or that of
    `exit_codes`) and without a traceback. With --json, stdout has one object that says the same.
    """

    exit_codes: ClassVar[dict[type[Exception], int]] = {}

    def work(self, **options: Any) -> None:
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.work(**options)
        except (DomainError, RetryLater, DatabaseError) as failure:
            self.give_up(failure, options)

    def give_up(self, failure: Exception, options: dict[str, Any]) -> None:
        """Tell what is wrong and end the command."""
        text = _text(failure)
        self.say_failed({"error": _code(failure), "detail": text}, options)
        code = self.exit_codes.get(type(failure), CANNOT_WORK)
        raise CommandError(text, returncode=code) from failure


def _code(failure: Exception) -> str:
    if isinstance(failure, DatabaseError):
        return "database"
    return str(getattr(failure, "code", "store_unavailable"))


def _text(failure: Exception) -> str:
    if tables.are_lacking(failure):
        return tables.NO_TABLES
    if isinstance(failure, DatabaseError):
        return f"The database failed (DATABASE_URL): {failure}"
    return str(failure) or type(failure).__name__
