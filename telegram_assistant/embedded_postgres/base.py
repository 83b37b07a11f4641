"""Django's PostgreSQL backend with an embedded server, which the first connection starts."""

from pathlib import Path
from typing import Any, Final

from django.db.backends.postgresql import base
from psycopg import OperationalError

from events.sentences import Sentence, gettext_noop
from telegram_assistant.embedded_postgres import server

_NOT_STARTED: Final = Sentence(gettext_noop("the embedded PostgreSQL has not started: %(why)s"))

QUIET: Final = "-c log_min_messages=fatal"
"""Otherwise the server's log would repeat refused values and rows, and messages with them."""


class DatabaseWrapper(base.DatabaseWrapper):
    """
    Connects through the server's socket, and starts the server if it is not running.

    So commands, web server and workers can be started in any order.
    """

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        socket_dir = server.running_socket(self._data_dir) or self._start()
        options = f"{params.get('options', '')} {QUIET}".strip()
        return params | {"host": socket_dir, "options": options}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        try:
            return super().get_new_connection(conn_params)
        except OperationalError:
            if server.running_socket(self._data_dir):
                raise
            return super().get_new_connection(conn_params | {"host": self._start()})

    @property
    def _data_dir(self) -> Path:
        return Path(self.settings_dict["EMBEDDED_DIR"])

    def _start(self) -> str:
        try:
            return server.start_postgres(
                self._data_dir,
                database="telegram_assistant",
                memory=self.settings_dict.get("EMBEDDED_MEMORY_MB"),
            )
        except server.NOT_STARTED as error:
            # Whoever can wait for a database that is away connects again, as to any other server.
            raise OperationalError(_NOT_STARTED % {"why": repr(error)}) from error
