"""
A reading to be killed: `python -m tests.integration.telegram_crash_worker DB ROOT VAR MESSAGES STEPS`.

It kills itself (SIGKILL) at the given request to the fake server or statement to the database,
counted together; with 0 it ends whole.
"""

import os
import signal
import sys
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402

from media.models import TelegramAccount  # noqa: E402
from media.services.telegram.accounts import access as telegram  # noqa: E402
from media.services.telegram.reading import ingest  # noqa: E402
from media.services.telegram.reading.ingest import Order  # noqa: E402
from storage_quota.object_store import use  # noqa: E402
from storage_quota.object_store.files import FileStore  # noqa: E402
from tests.telegram_fake import FakeTelegram, fill  # noqa: E402


def main(database: str, root: str, var: str, messages: int, kill_at: int) -> None:
    connections["default"].settings_dict["NAME"] = database
    settings.VAR_DIR = Path(var)
    server = FakeTelegram()
    fill(server, range(1, messages + 1))
    left = kill_at

    def before(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(execute, sql, params, many, context):
        before(sql)
        return execute(sql, params, many, context)

    server.before = before
    telegram.opener = server.opener
    account = TelegramAccount.objects.get()
    with (
        use(FileStore(Path(root))),
        connections["default"].execute_wrapper(counted),
        telegram.connected(account) as opened,
    ):
        added = ingest.add(opened, account, "@channel")
        ingest.read_channel(opened, added.feed, Order(), card=added.card)


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5]))
