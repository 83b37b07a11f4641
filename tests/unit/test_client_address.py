"""Nobody chooses the address that limits, logs and the audit take for the own."""

import pytest
from django.test import RequestFactory

from accounts.client_address import client_address, is_from_this_host, network_of

PROXY = "10.0.0.1"


@pytest.fixture
def address(settings):
    """The address of a request with these entries, which has passed so many proxies."""

    def _(forwarded: str | None = None, *, proxies: int = 0, peer: str = PROXY) -> str:
        settings.TRUSTED_PROXIES = proxies
        headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
        return client_address(RequestFactory(headers=headers).get("/", REMOTE_ADDR=peer))

    return _


def test_without_proxies_the_header_says_nothing(address):
    assert address("203.0.113.5") == PROXY
    assert address("203.0.113.5", peer="") == ""  # at a socket of the file system


@pytest.mark.parametrize("made_up", ["", "198.51.100.7", "198.51.100.7, ::1", ",,", "x" * 9000])
def test_what_a_client_writes_before_the_entry_of_the_proxy_does_not_count(address, made_up):
    assert address(f"{made_up}, 203.0.113.5", proxies=1) == "203.0.113.5"
    assert address(f"{made_up}, 203.0.113.5, 10.0.0.2", proxies=2) == "203.0.113.5"


@pytest.mark.parametrize("peer", [PROXY, ""])
@pytest.mark.parametrize(
    "forwarded", [None, "", " ", "198.51.100.7", "unknown, 10.0.0.2", "_x, 10.0.0.2"]
)
def test_who_came_past_the_proxies_or_nameless_is_the_peer(address, forwarded, peer):
    assert address(forwarded, proxies=2, peer=peer) == peer


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (" 203.0.113.5 ", "203.0.113.5"),
        ("203.0.113.5:51234", "203.0.113.5"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("[::ffff:cb00:7105]:1", "203.0.113.5"),
        ("fe80::1%eth0", "fe80::1"),
        ("203.0.113.5\n", "203.0.113.5"),
        ("0203.0.113.5", ""),  # 203 or, in octal, 131
        ("203.0.113.5:", ""),
        ("203.0.113", ""),
        ("3405803781", ""),
        ("[2001:db8::1", ""),
        ("<script>", ""),
        ("'; DROP TABLE", ""),
        ("٢٠٣.0.113.5", ""),
    ],
)
def test_an_address_has_one_form_and_what_is_none_is_not_believed(address, written, meant):
    assert address(written, proxies=1, peer="") == meant
    assert address(peer=written) == meant


def test_who_has_a_network_of_ipv6_is_one_client(address):
    assert (
        network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::") == "2001:db8:1:2::/64"
    )
    assert network_of("2001:db8:1:3::4") != network_of("2001:db8:1:2::4")
    assert network_of("203.0.113.5") == "203.0.113.5"
    assert network_of("") == ""


@pytest.mark.parametrize(
    ("environ", "answer"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, True),
        ({"REMOTE_ADDR": "::1"}, True),
        ({"REMOTE_ADDR": "::ffff:127.0.0.1"}, True),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_VIA": "1.1 proxy"}, False),
        ({"REMOTE_ADDR": "203.0.113.5"}, False),
        ({"REMOTE_ADDR": ""}, False),
        ({}, False),
    ],
)
def test_who_asks_on_this_host_by_itself_is_known(environ, answer):
    assert is_from_this_host(environ) is answer
