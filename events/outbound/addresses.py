"""
What an address of the internet protocol leads to: the world, this network, or nowhere good.

The tables are those of IANA's registries of special-purpose addresses, and the addresses at which
clouds give away the credentials of their machines. They are written down here because Python's own
`is_private` and `is_global` differ between its versions.
"""

from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address


class Reach(IntEnum):
    """Where an address leads, the worst last."""

    PUBLIC = 0
    LOOPBACK = 1
    PRIVATE = 2
    NEVER = 3
    """Whoever asks: metadata of clouds, link-local, multicast, unspecified, reserved."""


_V4: Final = tuple(
    (IPv4Network(network), reach)
    for network, reach in (
        ("0.0.0.0/8", Reach.NEVER),  # this host, on this network
        ("10.0.0.0/8", Reach.PRIVATE),
        ("100.100.100.200/32", Reach.NEVER),  # metadata of Alibaba Cloud
        ("100.64.0.0/10", Reach.PRIVATE),  # shared by the customers of a provider
        ("127.0.0.0/8", Reach.LOOPBACK),
        ("168.63.129.16/32", Reach.NEVER),  # the host below a machine of Azure
        ("169.254.0.0/16", Reach.NEVER),  # link-local, with the metadata of most clouds
        ("172.16.0.0/12", Reach.PRIVATE),
        ("192.0.0.0/24", Reach.NEVER),  # of protocols, with the metadata of Oracle's cloud
        ("192.0.2.0/24", Reach.NEVER),  # for documentation
        ("192.88.99.0/24", Reach.NEVER),  # relays of 6to4
        ("192.168.0.0/16", Reach.PRIVATE),
        ("198.18.0.0/15", Reach.PRIVATE),  # for benchmarks
        ("198.51.100.0/24", Reach.NEVER),  # for documentation
        ("203.0.113.0/24", Reach.NEVER),  # for documentation
        ("224.0.0.0/4", Reach.NEVER),  # multicast
        ("240.0.0.0/4", Reach.NEVER),  # reserved, and broadcast
    )
)
_V6: Final = tuple(
    (IPv6Network(network), reach)
    for network, reach in (
        ("::1/128", Reach.LOOPBACK),
        ("::ffff:0:0/96", Reach.PUBLIC),  # these three hold an IPv4 address, which decides
        ("::ffff:0:0:0/96", Reach.PUBLIC),
        ("64:ff9b::/96", Reach.PUBLIC),
        ("64:ff9b:1::/48", Reach.PRIVATE),  # translators to IPv4 of a network of one's own
        ("2001::/32", Reach.PUBLIC),  # Teredo holds IPv4 addresses, which decide
        ("2001::/23", Reach.NEVER),  # of protocols
        ("2001:db8::/32", Reach.NEVER),  # for documentation
        ("3fff::/20", Reach.NEVER),  # for documentation
        ("2000::/3", Reach.PUBLIC),
        ("fd00:ec2::/32", Reach.NEVER),  # metadata and other services inside of Amazon's machines
        ("fd20:ce::254/128", Reach.NEVER),  # metadata of Google's cloud
        ("fc00::/7", Reach.PRIVATE),
        ("fec0::/10", Reach.PRIVATE),  # site-local, as it was before 2004
    )
)
"""The first that holds the address counts; what none holds is no address to connect to."""

_HOLD_V4_LAST: Final = tuple(
    map(
        IPv6Network,
        ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"),
    )
)
_ISATAP: Final = {0x0000_5EFE, 0x0200_5EFE}
_LOCAL_NAT64: Final = IPv6Network("64:ff9b:1::/48")
_32_BITS: Final = 0xFFFF_FFFF


@lru_cache(maxsize=1024)
def reach_of(text: str) -> Reach:
    """Judge an address as the resolver writes it. An IPv6 address is as bad as what it holds."""
    address = ip_address(text)
    if isinstance(address, IPv4Address):
        return _listed_v4(address)
    if address.scope_id is not None:
        return Reach.NEVER  # only link-local addresses have a zone
    return max([_listed_v6(address), *map(_listed_v4, held_by(address))])


def held_by(address: IPv6Address) -> Iterator[IPv4Address]:
    """
    IPv4 addresses that packets to this one may end at: mapped, translated or tunnelled.

    Translators with a prefix of public addresses of their own cannot be told by the address.
    """
    number = int(address)
    if any(address in network for network in _HOLD_V4_LAST) and number > 1:
        yield IPv4Address(number & _32_BITS)
    if address in _LOCAL_NAT64:  # RFC 6052: two bytes, a byte of zeros, and two more
        yield IPv4Address((number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if number >> 32 & _32_BITS in _ISATAP:
        yield IPv4Address(number & _32_BITS)


def _listed_v4(address: IPv4Address) -> Reach:
    return next((reach for network, reach in _V4 if address in network), Reach.PUBLIC)


def _listed_v6(address: IPv6Address) -> Reach:
    return next((reach for network, reach in _V6 if address in network), Reach.NEVER)
