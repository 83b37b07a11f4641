"""
Whether this process was asked to end: whoever waits inside of it gives up, and others go on.

A plain flag, since a signal's handler sets it: see `events.supervision.worker_process`.
"""

_asked = False


def ask() -> None:
    """Let everybody know who looks; it is never taken back."""
    global _asked  # noqa: PLW0603 - one per process
    _asked = True


def is_asked() -> bool:
    return _asked
