"""Django's PostgreSQL backend on a private server that is started when first connected to."""

from pathlib import Path
from typing import Any

from django.db.backends.postgresql import base
from psycopg import OperationalError

from telegram_assistant.embedded_postgres import server


class DatabaseWrapper(base.DatabaseWrapper):
    """
    Connects through the server's socket. Whoever connects first starts the server, so
    every door (commands, web, workers) works without an order of starting things.
    """

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        socket_dir = server.running_socket(self._data_dir) or self._start()
        return params | {"host": socket_dir}

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
        return server.start_postgres(self._data_dir, database="telegram_assistant")
