"""
A stub of GigaChat: a real HTTP server, written from public descriptions of the API.

Behavior that is not documented (the status for a deleted file, two pictures in one message) is our
assumption and marked as such. `python -m tests.gigachat_stub` runs the stub by itself; tests use the
fixture `gigachat` of `tests.gigachat_fixtures`.
"""

from tests.gigachat_stub.server import Stub
from tests.gigachat_stub.state import CLIENT_ID, CLIENT_SECRET, Behavior

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "Behavior", "Stub"]
