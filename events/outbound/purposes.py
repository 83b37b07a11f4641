"""The policies of this installation, by purpose."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from events.outbound.hosts import OddHost, origin, origin_of
from events.outbound.policy import Policy

MIB: Final = 1024**2


def provider(urls: Iterable[str], *, setting: str, seconds: float) -> Policy:
    """
    The analysis of pictures: the addresses of its settings, with TLS unless on this machine.

    `seconds` are for one request with all of its answer. Raises OddHost.
    """
    return Policy(
        purpose="provider of analyses",
        origins=frozenset(map(origin_of, urls)),
        setting=setting,
        private=True,
        tls_elsewhere=True,
        proxies="used",
        most_bytes=16 * MIB,
        connect_seconds=seconds,
        read_seconds=seconds,
        total_seconds=seconds,
    )


def encoder(url: str, *, seconds: float, has_key: bool) -> Policy:
    """
    The encoder of texts: the address of its setting, where a key goes by TLS or stays here.

    `seconds` are for one request with all of its answer. Raises OddHost.
    """
    return Policy(
        purpose="encoder",
        origins=frozenset({origin_of(url)}),
        setting="SEARCH_OPENAI_URL",
        private=True,
        tls_elsewhere=has_key,
        proxies="used",
        most_bytes=32 * MIB,
        connect_seconds=min(seconds, 10),
        read_seconds=seconds,
        total_seconds=seconds,
    )


def bucket(endpoint_url: str, bucket_name: str, *, seconds: float = 60) -> Policy:
    """
    The object store: its endpoint, also with the bucket in front of it. Raises OddHost.

    `seconds` are for each wait, and for all of an answer that is no object.
    """
    endpoint = origin_of(endpoint_url)
    origins = {endpoint}
    with suppress(OddHost):  # a bucket whose name cannot be a host stands in the path
        origins.add(origin_of(f"{endpoint.scheme}://{bucket_name}.{endpoint.host}:{endpoint.port}"))
    return Policy(
        purpose="object store",
        origins=frozenset(origins),
        setting="S3_ENDPOINT_URL",
        private=True,
        proxies="used",
        most_bytes=16 * MIB,
        read_seconds=seconds,
    )


def identities(issuer_url: str) -> Policy:
    """
    The provider of identities, which says itself at which addresses it gives tokens and keys.

    So with TLS they may be anywhere, for the operator trusts it with the sign-in; without it, only
    the named address is asked, on this machine. Raises OddHost.
    """
    issuer = origin_of(issuer_url)
    return Policy(
        purpose="provider of identities",
        origins=None if issuer.scheme == "https" else frozenset({issuer}),
        setting="OIDC_ISSUER_URL",
        ports=None,
        private=True,
        tls_elsewhere=True,
        redirects=3,
        other_hosts=True,
        proxies="used",
        most_bytes=2 * MIB,
        connect_seconds=5,
        read_seconds=10,
        total_seconds=15,
    )


def vectors(url: str, *, seconds: float) -> Policy:
    """
    Qdrant, a store of vectors: its one address, usually inside of this network. Raises OddHost.

    `seconds` are for one request with all of its answer.
    """
    return Policy(
        purpose="store of vectors",
        origins=frozenset({origin_of(url)}),
        setting="QDRANT_URL",
        private=True,
        proxies="used",
        most_bytes=64 * MIB,
        connect_seconds=3,
        read_seconds=seconds,
        total_seconds=seconds,
    )


def crawler() -> Policy:
    """Pages that posts link to (CONTRACT §13, B9): whoever writes a post chooses the address."""
    return Policy(
        purpose="web",
        origins=None,
        schemes=frozenset({"http", "https"}),
        ports=frozenset({80, 443}),
        redirects=3,
        other_hosts=True,
        most_bytes=10 * MIB,
        connect_seconds=5,
        read_seconds=10,
        total_seconds=15,
    )


def page_service(url: str, *, seconds: float, most_bytes: int, has_key: bool) -> Policy:
    """
    A service that fetches pages for us: its one address; a key goes by TLS or stays here.

    `seconds` are for one page. Raises OddHost.
    """
    return Policy(
        purpose="service that fetches pages",
        origins=frozenset({origin_of(url)}),
        setting="CRAWL4AI_URL",
        private=True,
        tls_elsewhere=has_key,
        proxies="used",
        most_bytes=most_bytes,
        connect_seconds=min(seconds, 10),
        read_seconds=seconds,
        total_seconds=seconds,
    )


def telegram(*, setting: str = "", private: bool = False) -> Policy:
    """
    Telegram itself: its servers say each other's addresses, and each of them is a public one.

    `private`: the operator named a server or proxy in `setting`, which may be on this machine.
    """
    return Policy(purpose="Telegram", origins=None, setting=setting, ports=None, private=private)


def mail(host: str, port: int) -> Policy:
    """The mail server, often inside of this network. Raises OddHost."""
    return Policy(
        purpose="mail server",
        origins=frozenset({origin("smtp", host, port)}),
        setting="EMAIL_HOST",
        private=True,
    )


def own_api(url: str, *, seconds: float) -> Policy:
    """The web server of this installation, asked by its own commands. Raises OddHost."""
    return Policy(
        purpose="web server of this installation",
        origins=frozenset({origin_of(url)}),
        setting="--api-url",
        private=True,
        proxies="ignored",
        most_bytes=16 * MIB,
        connect_seconds=seconds,
        read_seconds=seconds,
        total_seconds=seconds,
    )
