"""
Where requests may go: addresses, names in every spelling, and the rules of each purpose.

Nothing here leaves the machine: names are resolved by a table, connections are recorded.
"""

import os
import shutil
import socket
import ssl
import time
from dataclasses import replace
from ipaddress import ip_address

import httpx
import pytest

from events.outbound import OutboundRefused, Reason, connections, purposes
from events.outbound.addresses import Reach, held_by, reach_of
from events.outbound.client import client, fetched, tls_context
from events.outbound.hosts import OddHost, Origin, canonical, origin_of
from events.outbound.proxies import EnvironmentProxies

PUBLIC = "93.184.215.14"
NAMES = {
    "good.example": [PUBLIC],
    "rootless.example": ["2606:2800:21f:cb07:6820:80da:af6b:8b2c"],
    "local.example": ["127.0.0.1"],
    "mixed.example": [PUBLIC, "10.0.0.5"],
    "mixed-last.example": ["10.0.0.5", PUBLIC],
    "metadata.example": ["169.254.169.254"],
    "metadata-v6.example": ["fd00:ec2::254"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::a9fe:a9fe"],
    "zone.example": ["fe80::1%eth0"],
    "localhost": ["127.0.0.1", "::1"],
    "intranet": ["192.168.0.10"],
}


class Connected(Exception):
    """Raised by the connection that must not be opened, with the address."""


@pytest.fixture
def asked(monkeypatch):
    """The names that were resolved; whoever connects raises Connected."""
    names = []

    def resolve_host(host, port):
        names.append(host)
        return NAMES.get(host) or (
            socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST) and [host]
        )

    def connect(address, timeout=None):
        raise Connected(address[0])

    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    monkeypatch.setattr(connections, "resolve_host", resolve_host)
    monkeypatch.setattr(connections.socket, "create_connection", connect)
    return names


def crawl(url, policy=None):
    policy = policy or purposes.crawler()
    with client(policy) as web, fetched(web, policy, url) as answer:
        return answer.status_code


class TestCertificates:
    def test_clients_share_the_authorities_of_the_system(self):
        assert tls_context() is tls_context()
        assert tls_context().verify_mode is ssl.CERT_REQUIRED

    def test_who_does_not_verify_shares_with_nobody_who_does(self, certificate_files):
        ca = certificate_files.ca

        careless = tls_context(ca, verified=False)

        assert (careless.verify_mode, careless.check_hostname) == (ssl.CERT_NONE, False)
        assert tls_context(ca).verify_mode is ssl.CERT_REQUIRED
        assert tls_context(ca).check_hostname

    def test_a_bundle_that_was_replaced_is_read_again(self, certificate_files, tmp_path):
        bundle = tmp_path / "bundle.pem"
        shutil.copy(certificate_files.ca, bundle)
        os.utime(bundle, (1, 1))
        before = tls_context(bundle)

        bundle.write_text("no certificate")
        with pytest.raises(ssl.SSLError):
            tls_context(bundle)
        shutil.copy(certificate_files.ca, bundle)
        os.utime(bundle, (2, 2))

        assert tls_context(bundle) is not before

    def test_a_bundle_that_is_not_there_is_an_error(self, tmp_path):
        with pytest.raises(OSError, match=r"none\.pem"):
            tls_context(tmp_path / "none.pem")


class TestAddresses:
    @pytest.mark.parametrize(
        ("address", "reach"),
        [
            (PUBLIC, Reach.PUBLIC),
            ("8.8.8.8", Reach.PUBLIC),
            ("172.32.0.1", Reach.PUBLIC),
            ("100.128.0.1", Reach.PUBLIC),
            ("11.0.0.0", Reach.PUBLIC),
            ("2a00:1450:4010::8a", Reach.PUBLIC),
            ("::ffff:8.8.8.8", Reach.PUBLIC),
            ("64:ff9b::8.8.8.8", Reach.PUBLIC),
            ("2002:808:808::1", Reach.PUBLIC),
            ("127.0.0.1", Reach.LOOPBACK),
            ("127.255.255.254", Reach.LOOPBACK),
            ("::1", Reach.LOOPBACK),
            ("::ffff:127.0.0.1", Reach.LOOPBACK),
            ("::127.0.0.1", Reach.NEVER),
            ("10.0.0.1", Reach.PRIVATE),
            ("172.16.0.1", Reach.PRIVATE),
            ("172.31.255.255", Reach.PRIVATE),
            ("192.168.255.255", Reach.PRIVATE),
            ("100.64.0.1", Reach.PRIVATE),
            ("198.19.0.1", Reach.PRIVATE),
            ("fd12:3456::1", Reach.PRIVATE),
            ("fec0::1", Reach.PRIVATE),
            ("::ffff:10.1.2.3", Reach.PRIVATE),
            ("::ffff:0:10.1.2.3", Reach.PRIVATE),
            ("64:ff9b::10.0.0.1", Reach.PRIVATE),
            ("2002:a00:1::", Reach.PRIVATE),
            ("2001:db8::5efe:10.0.0.1", Reach.NEVER),
            ("2a00:1450::5efe:10.0.0.1", Reach.PRIVATE),
            ("169.254.169.254", Reach.NEVER),
            ("169.254.0.1", Reach.NEVER),
            ("100.100.100.200", Reach.NEVER),
            ("168.63.129.16", Reach.NEVER),
            ("192.0.0.192", Reach.NEVER),
            ("fd00:ec2::254", Reach.NEVER),
            ("fd00:ec2::23", Reach.NEVER),
            ("fd20:ce::254", Reach.NEVER),
            ("::ffff:169.254.169.254", Reach.NEVER),
            ("64:ff9b::169.254.169.254", Reach.NEVER),
            ("64:ff9b:1:a9fe:a9:fe00::", Reach.NEVER),
            ("2002:a9fe:a9fe::1", Reach.NEVER),
            ("2001:0:a9fe:a9fe::1", Reach.NEVER),
            ("fe80::1", Reach.NEVER),
            ("fe80::1%eth0", Reach.NEVER),
            ("0.0.0.0", Reach.NEVER),  # noqa: S104
            ("0.1.2.3", Reach.NEVER),
            ("::", Reach.NEVER),
            ("224.0.0.1", Reach.NEVER),
            ("239.255.255.250", Reach.NEVER),
            ("ff02::1", Reach.NEVER),
            ("255.255.255.255", Reach.NEVER),
            ("240.0.0.1", Reach.NEVER),
            ("192.0.2.1", Reach.NEVER),
            ("2001:db8::1", Reach.NEVER),
            ("100::1", Reach.NEVER),
            ("4000::1", Reach.NEVER),
        ],
    )
    def test_where_an_address_leads(self, address, reach):
        assert reach_of(address) is reach

    def test_teredo_holds_its_server_and_its_client(self):
        held = list(held_by(ip_address("2001:0:4136:e378:8000:63bf:f5ff:fffe")))

        assert set(map(str, held)) == {"65.54.227.120", "10.0.0.1"}

    def test_no_address_that_python_calls_local_is_public(self):
        """Another table, made by others, as an oracle: at the borders of each of its networks."""
        for start in range(256):
            for second in (0, 1, 15, 16, 18, 19, 31, 32, 63, 64, 88, 127, 128, 168, 169, 254, 255):
                address = ip_address(f"{start}.{second}.0.1")
                if not address.is_global or address.is_multicast:
                    assert reach_of(str(address)) is not Reach.PUBLIC, address


class TestHosts:
    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("Example.ORG", "example.org"),
            ("example.org.", "example.org"),
            ("EXAMPLE\u3002org", "example.org"),
            ("１２７.０.０.１", "127.0.0.1"),
            ("⑯⑨。254。⑯⑨｡254", "169.254.169.254"),
            ("127.0.0.1.", "127.0.0.1"),
            ("[::1]", "::1"),
            ("0:0:0:0:0:0:0:1", "::1"),
            ("::FFFF:7f00:1", "::ffff:7f00:1"),
            ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
            ("my_minio", "my_minio"),
            ("1password.com", "1password.com"),
        ],
    )
    def test_one_spelling(self, written, meant):
        assert canonical(written) == str(ip_address(meant)) if ":" in meant else meant

    @pytest.mark.parametrize(
        "host",
        [
            "", ".", "..", "example.org..", "a..b", "2130706433", "0x7f000001", "0x7f.1", "127.1",
            "0177.0.0.1", "127.0.0.0x1", "127.0.0.01", "1.2.3", "1.2.3.4.5", "256.0.0.1",
            "017700000001", "１２７.１", "%31%32%37.0.0.1", "exa mple.org", "a\x00b", "a\tb",
            "a/b", "a\\b", "a@b", "a#b", "a?b", "-a.example", "a-.example", "a" * 64,
            ".".join(["a" * 60] * 5), "fe80::1%eth0", "[::1", "::1]", "1::2::3", "[127.0.0.1",
        ],
    )  # fmt: skip
    def test_what_is_no_name(self, host):
        with pytest.raises(OddHost):
            canonical(host)

    @pytest.mark.parametrize("url", ["http://h:99999/", "http://h:x/", "http://[::1/", "http://"])
    def test_what_is_no_address(self, url):
        with pytest.raises(OddHost):
            origin_of(url)

    def test_an_origin_never_shows_what_follows_it(self):
        assert str(origin_of("https://u:p@Example.org/secret?token=1")) == "https://example.org:443"
        assert str(Origin("http", "::1", 8080)) == "http://[::1]:8080"


HOSTILE = [
    # spelled oddly
    "http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/",
    "http://017700000001/", "http://127.1/", "http://127.0.1/", "http://00000177.1/",
    "http://127.0.0.1./", "http://１２７.０.０.１/", "http://127。0。0。1/", "http://①②⑦.0.0.1/",
    "http://%31%32%37.0.0.1/", "http://127.0.0.1%00.good.example/", "http://localhost%2f/",
    "http://3232235521/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/",
    # plainly inside
    "http://127.0.0.1/", "http://127.8.8.8/", "http://0.0.0.0/", "http://0/", "http://10.0.0.1/",
    "http://172.16.0.1/", "http://192.168.1.1/", "http://100.64.0.1/", "http://169.254.169.254/",
    "http://100.100.100.200/", "http://168.63.129.16/", "http://192.0.0.192/",
    "http://255.255.255.255/", "http://224.0.0.1/",
    # IPv6, and IPv4 in it
    "http://[::1]/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::a9fe:a9fe]/", "http://[2002:7f00:1::]/",
    "http://[2002:c0a8:101::1]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/",
    "http://[fd00:ec2::254]/", "http://[fd00::1]/", "http://[fec0::1]/", "http://[ff02::1]/",
    # names that lead inside
    "http://localhost/", "http://LOCALHOST/", "http://localhost./", "http://intranet/",
    "http://local.example/", "https://metadata.example/", "http://metadata-v6.example/",
    "http://mapped.example/", "http://nat64.example/", "http://zone.example/",
    "http://mixed.example/", "http://mixed-last.example/",
    # who is asked
    "http://good.example@127.0.0.1/", "http://user:hunter2@good.example/", "http://:@good.example/",
    "http://good.example\\@127.0.0.1/", "http://127.0.0.1#@good.example/",
    "http://127.0.0.1?@good.example/", "http:///good.example/", "http:good.example", "//127.0.0.1/",
    # what is spoken, and where
    "file:///etc/passwd", "ftp://good.example/", "gopher://good.example/", "data:,x", "good.example",
    "javascript:alert(1)", "http+unix://%2fvar%2frun%2fdocker.sock/", "http://good.example:0/",
    "http://good.example:22/", "http://good.example:8080/", "https://good.example:9200/",
    "http://good.example:65536/", "http://good.example:-1/", "http://good.example:8o/", "",
    "http://good.example:80:80/", "http://exa mple/", "http://good.example\r\nX: y/",
]  # fmt: skip


class TestCrawler:
    """Whoever writes a post chooses the address (CONTRACT B9, fact 106)."""

    @pytest.mark.parametrize("url", HOSTILE)
    def test_a_hostile_address_is_refused_before_anything_is_sent(self, asked, url):
        with pytest.raises(OutboundRefused) as refusal:
            crawl(url)

        assert refusal.value.permanent
        assert "hunter2" not in str(refusal.value)
        assert "passwd" not in str(refusal.value)

    @pytest.mark.parametrize(
        ("url", "address"),
        [
            ("http://good.example/", PUBLIC),
            ("https://good.example/", PUBLIC),
            ("HTTP://GOOD.example.:80/a?b#c", PUBLIC),
            ("https://rootless.example:443/", NAMES["rootless.example"][0]),
            (f"http://{PUBLIC}/", PUBLIC),
            ("http://[2a00:1450:4010::8a]/", "2a00:1450:4010::8a"),
        ],
    )
    def test_a_public_address_is_connected_to(self, asked, url, address):
        with pytest.raises(Connected, match=address):
            crawl(url)

    def test_the_rules_of_the_contract(self):
        policy = purposes.crawler()

        assert (policy.redirects, policy.total_seconds, policy.most_bytes) == (3, 15, 10_485_760)
        assert not policy.private

    def test_behind_a_proxy_it_says_what_to_do(self, asked, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy.example:3128")

        with pytest.raises(OutboundRefused, match="NO_PROXY") as refusal:
            crawl("https://good.example/")
        assert refusal.value.reason is Reason.PROXY
        assert "hunter2" not in str(refusal.value)
        monkeypatch.setenv("NO_PROXY", "*")
        with pytest.raises(Connected):
            crawl("https://good.example/")


class TestPinned:
    def test_a_name_server_that_changes_its_mind_is_asked_once_per_connection(self, monkeypatch):
        answers = iter([[PUBLIC], ["169.254.169.254"]])
        reached = []
        connect = socket.create_connection
        with socket.create_server(("127.0.0.1", 0)) as server:

            def elsewhere(address, timeout=None):
                reached.append(address)
                here = connect(server.getsockname(), timeout)
                there, _ = server.accept()
                with there:
                    there.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                return here

            monkeypatch.setattr(connections, "resolve_host", lambda *_: next(answers))
            monkeypatch.setattr(connections.socket, "create_connection", elsewhere)

            assert crawl("http://good.example/") == 200
            with pytest.raises(OutboundRefused, match=r"169\.254\.169\.254"):
                crawl("http://good.example/")

        assert reached == [(PUBLIC, 80)]

    def test_one_bad_address_among_good_ones_is_refused(self, asked):
        for name in ("mixed.example", "mixed-last.example"):
            with pytest.raises(OutboundRefused, match=r"10\.0\.0\.5"):
                connections.checked(purposes.crawler(), name, 80, timeout=1)

    def test_the_next_address_is_tried_where_one_is_not_reached(self, monkeypatch):
        tried = []

        def connect(address, timeout):
            tried.append((address[0], timeout))
            raise ConnectionRefusedError

        monkeypatch.setattr(connections, "resolve_host", lambda *_: [PUBLIC, "8.8.8.8"])
        monkeypatch.setattr(connections.socket, "create_connection", connect)

        with pytest.raises(ConnectionRefusedError):
            connections.connect(purposes.crawler(), "good.example", 80, timeout=8)

        assert [address for address, _ in tried] == [PUBLIC, "8.8.8.8"]
        assert tried[0][1] <= 4.0
        assert 4.0 < tried[1][1] <= 8.0

    def test_a_name_server_that_is_silent_costs_no_more_than_the_timeout(self, monkeypatch):
        monkeypatch.setattr(connections, "resolve_host", lambda *_: time.sleep(2) or [PUBLIC])
        started = time.monotonic()

        with pytest.raises(TimeoutError, match=r"good\.example"):
            connections.connect(purposes.crawler(), "good.example", 80, timeout=0.1)

        assert time.monotonic() - started < 1.5

    def test_an_unknown_name_stays_an_error_of_the_network(self, asked):
        with pytest.raises(httpx.ConnectError):
            crawl("http://nobody.example/")


class TestProvider:
    URLS = ("https://good.example/v1", "https://auth.example:9443/oauth")

    @pytest.fixture
    def policy(self):
        return purposes.provider(self.URLS, setting="GIGACHAT_BASE_URL", seconds=5)

    @pytest.mark.parametrize(
        "url",
        [
            "https://other.example/", "http://good.example/", "https://good.example:9443/",
            "https://auth.example/", "https://sub.good.example/", "https://good.example.evil.example/",
        ],
    )  # fmt: skip
    def test_only_its_own_addresses(self, asked, policy, url):
        with pytest.raises(OutboundRefused, match="GIGACHAT_BASE_URL"):
            crawl(url, policy)

    def test_its_name_may_lead_inside_but_not_to_secrets(self, policy):
        policy.admit_address("good.example", 443, "10.0.0.1")
        for address in ("169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "fe80::1"):
            with pytest.raises(OutboundRefused):
                policy.admit_address("good.example", 443, address)

    def test_without_tls_only_this_machine_is_reached(self):
        policy = purposes.provider(["http://stub.example:80/v1"], setting="X", seconds=5)

        policy.admit_address("stub.example", 80, "127.0.0.1")
        for address in ("10.0.0.1", PUBLIC):
            with pytest.raises(OutboundRefused, match="https://"):
                policy.admit_address("stub.example", 80, address)


class TestBucket:
    @pytest.mark.parametrize(
        ("url", "name", "origins"),
        [
            (
                "https://S3.example.org", "Mine",
                {"https://s3.example.org:443", "https://mine.s3.example.org:443"},
            ),
            ("http://10.0.0.5:9000", "mine", {"http://10.0.0.5:9000"}),
            ("http://[::1]:9000", "mine", {"http://[::1]:9000"}),
            ("http://minio:9000", "", {"http://minio:9000"}),
        ],
    )  # fmt: skip
    def test_its_endpoint_also_with_the_bucket_in_front(self, url, name, origins):
        assert set(map(str, purposes.bucket(url, name).origins)) == origins

    def test_a_private_address_was_named_and_metadata_never_is(self):
        policy = purposes.bucket("http://minio:9000", "b")
        for address in ("10.0.0.1", "127.0.0.1", "fd12::1", "100.64.0.1", PUBLIC):
            policy.admit_address("minio", 9000, address)
        for address in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "fe80::1"):
            with pytest.raises(OutboundRefused, match="S3_ENDPOINT_URL"):
                policy.admit_address("minio", 9000, address)


class TestProxies:
    @pytest.fixture
    def policy(self):
        return purposes.bucket("https://s3.example.org", "b")

    @pytest.mark.parametrize(
        ("environment", "expected"),
        [
            ({}, None),
            ({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
            ({"https_proxy": "proxy:3128"}, "http://proxy:3128"),
            ({"ALL_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
            ({"HTTP_PROXY": "http://proxy:3128"}, None),
            ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "example.org"}, None),
            ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, None),
        ],
    )
    def test_those_of_the_environment(self, asked, monkeypatch, policy, environment, expected):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

        assert EnvironmentProxies(policy).proxy_for(origin_of("https://s3.example.org")) == expected

    def test_a_proxy_that_is_ignored(self, asked, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
        policy = purposes.own_api("http://127.0.0.1:8000", seconds=1)

        assert EnvironmentProxies(policy).proxy_for(origin_of("http://127.0.0.1:8000")) is None

    def test_the_address_of_the_proxy_is_checked_too(self, asked, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", "http://metadata.example:3128")
        policy = purposes.provider(TestProvider.URLS, setting="X", seconds=5)

        with pytest.raises(OutboundRefused, match="HTTPS_PROXY"):
            crawl("https://good.example/", policy)
        assert asked == ["metadata.example"]

    @pytest.mark.parametrize("url", ["socks5://h:1080", "https://h:3128", "http://0x7f.1:80"])
    def test_a_proxy_that_is_not_used_is_said(self, asked, monkeypatch, url):
        monkeypatch.setenv("HTTPS_PROXY", url)
        policy = replace(purposes.provider(TestProvider.URLS, setting="X", seconds=5))

        with pytest.raises(OutboundRefused) as refusal:
            crawl("https://good.example/", policy)
        assert refusal.value.reason is Reason.PROXY
