import signal
from typing import Any

from django.core.management.base import BaseCommand

from events.management.json_command import CHECKED
from media.services.telegram.live import listener


class Command(BaseCommand):
    help = (
        "Take what happens in the channels of Telegram as it happens, until SIGTERM or Ctrl-C."
        " Idle while no account is signed in; `make serve` starts it."
    )
    requires_system_checks = CHECKED

    def handle(self, *args: Any, **options: Any) -> None:
        self._ending = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        listener.serve(lambda: not self._ending)

    def _end(self, *_: Any) -> None:
        self._ending = True
