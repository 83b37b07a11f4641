"""
GigaChat, on this machine: a real HTTP server written from public descriptions of its API.

What nobody has documented (a deleted file's status, two pictures in one message) is our guess and
says so where it stands. `python -m tests.gigachat_stub` runs it by itself; tests use the fixture
`gigachat` of `tests.gigachat_fixtures`.
"""

from tests.gigachat_stub.server import Stub
from tests.gigachat_stub.state import CLIENT_ID, CLIENT_SECRET, Behavior

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "Behavior", "Stub"]
