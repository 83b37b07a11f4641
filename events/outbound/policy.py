"""What requests of one purpose may do."""

from dataclasses import dataclass, replace
from typing import Literal, Self

from events.outbound.addresses import Reach, reach_of
from events.outbound.errors import OutboundRefused, Reason
from events.outbound.hosts import Origin

Proxies = Literal["used", "ignored", "refused"]


@dataclass(frozen=True, slots=True)
class Policy:
    """
    The rules of one purpose.

    `origins`: where requests may go, all of it named by the operator in `setting`; None is any
    public address, with `schemes` and `ports` (None is any). `private`: addresses of this machine and this
    network are reached, too. `tls_elsewhere`: without TLS only this machine is reached.

    `redirects`: how many are followed; `other_hosts`: also to other hosts. `proxies`: whether those
    of the environment (HTTPS_PROXY) are used; behind a proxy nobody here sees which address is
    reached.

    `most_bytes` of an answer, as sent and as unpacked. `connect_seconds` for the name and the
    connection, `read_seconds` for each wait, `total_seconds` for all of a request with its
    redirects and the reading of its answer; None is no limit.
    """

    purpose: str
    origins: frozenset[Origin] | None
    setting: str = ""
    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] | None = frozenset({443})
    private: bool = False
    tls_elsewhere: bool = False
    redirects: int = 0
    other_hosts: bool = False
    proxies: Proxies = "refused"
    most_bytes: int | None = None
    connect_seconds: float = 10
    read_seconds: float = 30
    total_seconds: float | None = None

    def admit(self, origin: Origin) -> None:
        """Raise OutboundRefused unless requests may go there, as far as its name tells."""
        if self.origins is not None:
            if origin not in self.origins:
                raise self.refusal(Reason.HOST, f"{origin} is not the address that was named")
            return
        if origin.scheme not in self.schemes:
            raise self.refusal(Reason.SCHEME, f"the scheme {origin.scheme!r} is not for requests")
        if self.ports is not None and origin.port not in self.ports:
            raise self.refusal(Reason.PORT, f"port {origin.port} of {origin.host} is closed to it")

    def admit_connection(self, host: str, port: int) -> None:
        """The same, where nobody knows any more what will be spoken."""
        if self.origins is None:
            known = self.ports is None or port in self.ports
        else:
            known = any((host, port) == (one.host, one.port) for one in self.origins)
        if not known:
            raise self.refusal(Reason.HOST, f"{host}:{port} is not the address that was named")

    def admit_address(self, host: str, port: int, address: str) -> None:
        """Raise OutboundRefused unless this address of the host may be connected to."""
        reach = reach_of(address)
        if reach is Reach.NEVER:
            raise self.refusal(
                Reason.ADDRESS,
                f"{host} is at {address}, where clouds keep secrets or nobody serves anything",
            )
        if reach is not Reach.PUBLIC and not self.private:
            raise self.refusal(Reason.ADDRESS, f"{host} is at {address}, inside of this network")
        if self.tls_elsewhere and reach is not Reach.LOOPBACK and self._is_plain(host, port):
            raise self.refusal(
                Reason.SCHEME, f"http:// to {host} would show all of it; use https://"
            )

    def for_proxy(self, proxy: Origin) -> Self:
        """The rules of the connection to a proxy, which the operator named in the environment."""
        return replace(
            self, origins=frozenset({proxy}), private=True, tls_elsewhere=False,
            setting="HTTPS_PROXY or HTTP_PROXY",
        )  # fmt: skip

    def refusal(self, reason: Reason, detail: str) -> OutboundRefused:
        remedy = f" (check {self.setting}, and the name server)" if self.setting else ""
        return OutboundRefused(reason, self.purpose, f"{detail}{remedy}")

    def _is_plain(self, host: str, port: int) -> bool:
        return Origin("http", host, port) in (self.origins or ())
