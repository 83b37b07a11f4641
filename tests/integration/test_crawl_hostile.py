"""
Addresses by which a post would have us ask this machine, this network, or a cloud for its secrets.

The server is real and on this machine. Only `site.example` may be reached here, as if it were a
public host; whatever else arrives at the server was not refused. Names are answered as `NAMES` says.
"""

from dataclasses import fields
from itertools import cycle

import pytest
from django.utils import timezone

from crawl.fetchers import http
from crawl.fetchers.http import HttpFetcher
from crawl.fetchers.port import FetchFailed
from crawl.models import CrawledPage
from crawl.policy import Rules, Said, decide
from crawl.reasons import Reason
from crawl.services import visit
from events.outbound import Policy, connections
from tests.crawl_fixtures import crawl, linking
from tests.crawl_site import Page, Site

PUBLIC = "93.184.215.14"
NAMES = {
    "site.example": ["127.0.0.1"],
    "local.example": ["127.0.0.1"],
    "private.example": ["10.1.2.3"],
    "mixed.example": [PUBLIC, "192.168.1.1"],
    "metadata.example": ["169.254.169.254"],
    "mapped.example": ["::ffff:10.0.0.1"],
    "v6.example": ["fd00::1"],
    "localhost": ["127.0.0.1", "::1"],
    "xn--e1aybc.xn--p1ai": ["127.0.0.1"],
}
HOSTILE = [
    # Loopback in every spelling.
    "http://127.0.0.1/", "http://127.0.0.1:80/", "https://127.0.0.1/", "http://127.0.0.2/",
    "http://127.255.255.254/", "http://localhost/", "http://LOCALHOST/", "http://localhost./",
    "http://2130706433/", "http://017700000001/", "http://0x7f000001/", "http://0x7f.0.0.1/",
    "http://0177.0.0.1/", "http://0177.0.0.01/", "http://127.1/", "http://127.0.1/",
    "http://0x7f.1/", "http://127.0.0.1./", "http://0/", "http://0.0.0.0/",
    "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://１２７.0.0.1/", "http://ⓛocalhost/",
    "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[0:0:0:0:0:ffff:127.0.0.1]/",
    # This network.
    "http://10.0.0.1/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.0.1/",
    "http://3232235777/", "http://0xC0A80101/", "http://100.64.0.1/", "http://198.18.0.1/",
    "http://[fc00::1]/", "http://[fd12:3456::1]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/",
    "http://[fec0::1]/", "http://[::ffff:192.168.0.1]/",
    # Metadata of clouds, and where nobody serves anything.
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xA9FEA9FE/",
    "http://0251.0376.0251.0376/", "http://[::ffff:169.254.169.254]/", "http://[fd00:ec2::254]/",
    "http://[64:ff9b::a9fe:a9fe]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
    "http://[2001:0:7f00:1::]/", "http://100.100.100.200/", "http://168.63.129.16/",
    "http://224.0.0.1/", "http://255.255.255.255/", "http://240.0.0.1/", "http://[ff02::1]/",
    # Names that lead there, one of them in Cyrillic.
    "http://local.example/", "http://private.example/", "http://mixed.example/",
    "http://metadata.example/", "http://mapped.example/", "http://v6.example/", "http://тест.рф/",
    # Names and passwords, ports, schemes, and what is no address.
    "http://user:pw@site.example/", "http://site.example@127.0.0.1/", "http://127.0.0.1@site.example/",
    "http://site.example:22/", "http://site.example:6379/", "https://site.example:8443/",
    "http://site.example:0/", "http://site.example:99999/", "http://site.example:{port}@10.0.0.1/",
    "ftp://site.example/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO", "http:///",
    "http://site.example\\@127.0.0.1/", "http://[127.0.0.1]/", "http://a..example/",
    "http://-a.example/", "http://site.example%00.127.0.0.1/", "http://127.0.0.1#@site.example/",
    "http://127.0.0.1?@site.example/", "http://127.0.0.1\t/", "http://127.0.0.1%2f@site.example/",
]  # fmt: skip
REDIRECTED = [
    "http://127.0.0.1:{port}/", "http://127.0.0.1/", "http://localhost:{port}/", "//127.0.0.1/",
    "http://2130706433:{port}/", "http://0x7f.1:{port}/", "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/", "http://10.0.0.1/", "http://169.254.169.254/latest/",
    "http://local.example:{port}/", "http://metadata.example/", "http://site.example:22/",
    "http://user:pw@site.example:{port}/", "file:///etc/passwd", "ftp://site.example/",
    "gopher://127.0.0.1/", "javascript:alert(1)", "http:\\\\127.0.0.1/", "/loop",
]  # fmt: skip


class OneHost(Policy):
    """The crawler's own rules, but that one name may be at an address of this machine."""

    def admit_address(self, host: str, port: int, address: str) -> None:
        if host != "site.example":
            super().admit_address(host, port, address)


@pytest.fixture(scope="module")
def server():
    with Site() as site:
        site.pages["/"] = Page(b"secret")
        site.pages["/loop"] = Page(status=302, headers={"Location": "/loop"}, etag=False)
        yield site


@pytest.fixture
def asked(server, monkeypatch, settings):
    """What the server was asked for; the guard's own tables are in force."""
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    settings.CRAWL = settings.CRAWL.model_copy(
        update={"feature_crawl_enabled": True, "crawl_requests_per_minute": 6000}
    )
    original = http.policy()
    mine = {one.name: getattr(original, one.name) for one in fields(Policy)}
    mine["ports"] = frozenset({80, 443, server.port})
    monkeypatch.setattr(http, "policy", lambda: OneHost(**mine))
    monkeypatch.setattr(connections, "resolve_host", lambda host, _port: NAMES.get(host, [host]))
    server.asked.clear()
    visit.forget_fetcher()
    yield server.asked
    visit.forget_fetcher()


@pytest.fixture
def fetch(asked):
    fetcher = HttpFetcher()
    yield lambda url: fetcher.fetch(url, before_hop=lambda _: None)
    fetcher.close()


def test_the_table_is_as_long_as_was_promised():
    assert len(set(HOSTILE)) >= 60
    assert len(set(HOSTILE + REDIRECTED)) >= 100


def test_the_site_itself_is_reached(fetch, server, asked):
    assert fetch(server.url("/")).body == b"secret"
    assert asked == ["/"]


@pytest.mark.parametrize("url", HOSTILE)
def test_it_is_refused(fetch, server, asked, url):
    with pytest.raises(FetchFailed) as refusal:
        fetch(url.format(port=server.port))

    assert refusal.value.reason == Reason.ADDRESS, str(refusal.value)
    assert not refusal.value.again
    assert asked == []


@pytest.mark.parametrize("location", REDIRECTED)
def test_it_is_refused_where_a_public_host_leads_to_it(fetch, server, asked, location):
    server.pages["/to"] = Page(
        status=302, headers={"Location": location.format(port=server.port)}, etag=False
    )

    with pytest.raises(FetchFailed) as refusal:
        fetch(server.url("/to"))

    assert refusal.value.reason in {Reason.ADDRESS, Reason.REDIRECTS}
    assert set(asked) <= {"/to", "/loop"}


def test_a_name_server_that_changes_its_answer(fetch, server, asked, monkeypatch):
    """It says first what may be reached; the second answer is for a second connection."""
    answers = cycle([[PUBLIC], ["127.0.0.1"]])
    connected = []

    def connect(address, timeout=None):
        connected.append(address[0])
        raise OSError("nobody here")

    monkeypatch.setattr(connections, "resolve_host", lambda *_: next(answers))
    monkeypatch.setattr(connections.socket, "create_connection", connect)
    reasons = []
    for _ in range(4):
        with pytest.raises(FetchFailed) as failure:
            fetch(f"http://rebind.example:{server.port}/")
        reasons.append(str(failure.value.reason))

    assert connected == [PUBLIC, PUBLIC]
    assert reasons == ["unreachable", "address_refused"] * 2
    assert asked == []


@pytest.mark.django_db(transaction=True)
def test_fact_106_a_post_that_points_there_gets_a_refusal_and_no_page(asked, server):
    server.pages["/to"] = Page(status=302, headers={"Location": "http://10.0.0.1/"}, etag=False)
    urls = [
        "http://127.0.0.2/", "http://169.254.169.254/", "http://[::1]/", "http://10.0.0.1/",
        "http://2130706433/", server.url("/to"),
    ]  # fmt: skip
    post = linking(*urls)

    crawl(post, now=timezone.now())

    pages = list(CrawledPage.objects.filter(posts=post))
    assert len(pages) == 6
    assert {(page.state, page.reason) for page in pages} == {("refused", "address_refused")}
    assert set(asked) <= {"/robots.txt", "/to"}


def test_the_lists_of_hosts_come_first():
    said = Said("http://127.0.0.1/ http://localhost/x", ["http://127.0.0.1/", "http://localhost/x"])

    assert str(decide(said, Rules()).skip) == "host_denied"
