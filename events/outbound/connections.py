"""
Connections to addresses that were checked.

A name is resolved once for each connection, and the connection goes to one of the addresses of
that answer: a name server that answers otherwise the next time is not asked again.
"""

import socket
import threading
import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue

from events.outbound.errors import Reason
from events.outbound.hosts import OddHost, canonical
from events.outbound.policy import Policy

SocketOptions = Iterable[tuple[int, int, int | bytes]]


def connect(
    policy: Policy, host: str, port: int, *, timeout: float | None, options: SocketOptions = ()
) -> socket.socket:
    """
    Connect within `timeout` seconds, the resolving included.

    Raises OutboundRefused, socket.gaierror where the name is not known, TimeoutError, OSError.
    """
    until = None if timeout is None else time.monotonic() + timeout
    addresses = checked(policy, host, port, timeout=timeout)
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            connection = socket.create_connection((address, port), _share(until, left))
        except OSError:
            if left == 1:
                raise
        else:
            for option in options:
                connection.setsockopt(*option)
            return connection
    raise OSError(f"{host} has no address")


def checked(policy: Policy, host: str, port: int, *, timeout: float | None) -> list[str]:
    """Resolve the name; returns its addresses if the policy admits every one of them."""
    try:
        name = canonical(host)
    except OddHost as odd:
        raise policy.refusal(Reason.HOST, str(odd)) from None
    if not 0 < port < 2**16:
        raise policy.refusal(Reason.PORT, f"there is no port {port}")
    policy.admit_connection(name, port)
    addresses = _resolved(name, port, timeout)
    for address in addresses:
        policy.admit_address(name, port, address)
    return addresses


def resolve_host(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a host, in the order in which to try them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _resolved(host: str, port: int, timeout: float | None) -> list[str]:
    """Resolve within `timeout`: the C library's own patience is not to be limited by a call."""
    if timeout is None or _is_address(host):
        return resolve_host(host, port)
    answer: SimpleQueue[list[str] | OSError] = SimpleQueue()
    threading.Thread(target=_answer, args=(host, port, answer), daemon=True).start()
    try:
        found = answer.get(timeout=timeout)
    except Empty:
        raise TimeoutError(f"the name server says nothing about {host}") from None
    if isinstance(found, OSError):
        raise found
    return found


def _answer(host: str, port: int, answer: "SimpleQueue[list[str] | OSError]") -> None:
    try:
        answer.put(resolve_host(host, port))
    except OSError as error:
        answer.put(error)


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _share(until: float | None, left: int) -> float | None:
    """The part of the remaining seconds for one of the addresses that are left."""
    if until is None:
        return None
    remaining = until - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("no time is left for the connection")
    return remaining / left
