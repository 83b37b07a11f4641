"""An event loop in a thread of its own, for a library that is asynchronous in a program that is not."""

import asyncio
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, ClassVar, Final, TypeVar

Result = TypeVar("Result")
SWITCH_SECONDS: Final = 0.0005
"""
While a loop runs, whoever computes in another thread gives way after this time, not after 5 ms as
usual: a loop asks for its turn several times for each answer of Telegram, and a download's place
is idle while it waits.
"""


class LoopThread:
    """Runs coroutines while the caller waits, or beside it. No coroutine touches the database."""

    _open: ClassVar[int] = 0
    _usual: ClassVar[float] = 0.0
    _guard: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, name: str) -> None:
        self._give_way(1)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Result], timeout: float | None = None) -> Result:
        """Run to the end and return the result, or raise what it raises."""
        future = self.start(coroutine)
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    def start(self, coroutine: Coroutine[Any, Any, Result]) -> Future[Result]:
        """Run beside the caller."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def close(self) -> None:
        """Cancel what still runs, and end the thread."""
        if self.loop.is_closed():
            return
        self._give_way(-1)
        self.run(_cancel_others(), timeout=10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=10)
        self.loop.close()

    @classmethod
    def _give_way(cls, more: int) -> None:
        """Set how long a thread computes while any loop is open; the last one sets it back."""
        with cls._guard:
            if not cls._open:
                cls._usual = sys.getswitchinterval()
            cls._open += more
            sys.setswitchinterval(SWITCH_SECONDS if cls._open else cls._usual)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()


async def _cancel_others() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
