"""
Outbound requests against servers that misbehave, on this machine.

The policy is the crawler's, which for this reaches this machine, too, at the servers' ports.
"""

import socket
import ssl
import threading
import time
import tracemalloc
from dataclasses import replace

import httpx
import pytest
import requests
from botocore.awsrequest import AWSRequest

from events.outbound import OutboundRefused, Reason, connections, purposes
from events.outbound.client import client, fetched
from events.outbound.hosts import origin_of
from events.outbound.requests_session import requests_session
from storage_quota.object_store import StoreForbidden, StoreUnavailable
from storage_quota.object_store.s3 import S3Store
from storage_quota.object_store.s3.guarded import Connections, GuardedSession
from tests.outbound_server import TEXT, OddServer, bomb
from tests.s3_fixtures import s3_settings
from vision.providers.gigachat.reachability import reach
from vision.providers.port import ProviderBusy, ProviderMisconfigured

NAMES = {
    "one.example": ["127.0.0.1"],
    "two.example": ["127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
}


@pytest.fixture(scope="module")
def odd():
    with OddServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _names(monkeypatch):
    """Names of the tests; whatever is not among them is an address already."""
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    monkeypatch.setattr(connections, "resolve_host", lambda host, port: NAMES.get(host, [host]))


@pytest.fixture
def rules(odd):
    """The rules of the crawler, at the port of the server."""
    return replace(
        purposes.crawler(), private=True, ports=frozenset({odd.port, 443}), total_seconds=5
    )


def read(url, policy, **how):
    """The whole body; `seconds` are how long it took."""
    with client(policy, **how) as web, fetched(web, policy, url) as answer:
        return b"".join(answer.iter_bytes())


class TestRedirects:
    @pytest.mark.parametrize(
        ("location", "reason"),
        [
            ("http://169.254.169.254/latest/meta-data/", Reason.PORT),
            ("http://169.254.169.254:{port}/latest/", Reason.ADDRESS),
            ("http://metadata.example:{port}/latest/", Reason.ADDRESS),
            ("http://2130706433:{port}/ok/", Reason.HOST),
            ("http://user:pw@127.0.0.1:{port}/ok/", Reason.CREDENTIALS),
            ("http://127.0.0.1:22/", Reason.PORT),
            ("//127.0.0.1:1/ok/", Reason.PORT),
            ("file:///etc/passwd", Reason.SCHEME),
            ("ftp://one.example:{port}/", Reason.SCHEME),
            ("/loop/", Reason.REDIRECT),
            ("/hops/4", Reason.REDIRECT),
        ],
    )
    def test_each_hop_is_checked(self, odd, rules, location, reason):
        with pytest.raises(OutboundRefused) as refusal:
            read(f"{odd.url}/to/{location.format(port=odd.port)}", rules)

        assert refusal.value.reason is reason
        assert "meta-data" not in str(refusal.value)

    def test_as_many_as_are_allowed_are_followed(self, odd, rules):
        assert read(f"{odd.url}/hops/3", rules) == TEXT
        with pytest.raises(OutboundRefused):
            read(f"{odd.url}/hops/4", rules)

    def test_to_another_host_only_where_that_is_allowed(self, odd, rules):
        there = f"http://one.example:{odd.port}/to/http://two.example:{odd.port}/ok/"

        assert read(there, rules) == TEXT
        with pytest.raises(OutboundRefused, match=r"one\.example leads on to two\.example"):
            read(there, replace(rules, other_hosts=False))

    def test_none_where_none_are_followed(self, odd, rules):
        with client(replace(rules, redirects=0)) as web:
            assert web.get(f"{odd.url}/to/http://169.254.169.254/").status_code == 302

    def test_all_hops_together_have_the_time_of_one_request(self, odd, rules):
        policy = replace(rules, total_seconds=0.4, redirects=100_000)
        started = time.monotonic()

        with pytest.raises(httpx.TimeoutException):
            read(f"{odd.url}/loop/", policy)

        assert time.monotonic() - started < 3


class TestEnds:
    @pytest.mark.costly
    @pytest.mark.parametrize("what", ["trickle/20", "trickle-headers/20"])
    def test_a_server_that_trickles_does_not_outlive_the_request(self, odd, rules, what):
        """Each byte comes well within the timeout of a read."""
        started = time.monotonic()

        with pytest.raises(httpx.ReadTimeout):
            read(f"{odd.url}/{what}", replace(rules, total_seconds=0.5))

        assert time.monotonic() - started < 3

    def test_an_endless_body_is_not_read_on(self, odd, rules):
        with pytest.raises(OutboundRefused) as refusal:
            read(f"{odd.url}/endless/", replace(rules, most_bytes=1_000_000))

        assert refusal.value.reason is Reason.SIZE

    def test_one_that_says_it_is_too_long_is_not_read_at_all(self, odd, rules):
        with pytest.raises(OutboundRefused) as refusal:
            read(f"{odd.url}/long/", rules)

        assert refusal.value.reason is Reason.SIZE

    @pytest.mark.parametrize("what", ["gzip", "members", "deflate", "raw-deflate", "ok"])
    def test_what_is_packed_is_unpacked(self, odd, rules, what):
        assert read(f"{odd.url}/{what}/", replace(rules, most_bytes=len(TEXT))) == TEXT
        assert odd.headers[-1]["Accept-Encoding"] == "gzip, deflate"

    @pytest.mark.parametrize("what", ["gzip", "members", "deflate", "raw-deflate", "ok"])
    def test_the_limit_counts_what_is_unpacked(self, odd, rules, what):
        with pytest.raises(OutboundRefused):
            read(f"{odd.url}/{what}/", replace(rules, most_bytes=len(TEXT) - 1))

    def test_a_bomb_does_not_fill_the_memory(self, odd, rules):
        bomb()
        tracemalloc.start()
        try:
            with pytest.raises(OutboundRefused) as refusal:
                read(f"{odd.url}/bomb/", replace(rules, most_bytes=2_000_000))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert refusal.value.reason is Reason.SIZE
        assert peak < 8_000_000

    @pytest.mark.parametrize("what", ["broken-off", "garbage"])
    def test_what_is_packed_wrongly_is_an_error(self, odd, rules, what):
        with pytest.raises(httpx.DecodingError):
            read(f"{odd.url}/{what}/", rules)

    @pytest.mark.parametrize("what", ["brotli", "twice"])
    def test_what_was_not_asked_for_is_refused(self, odd, rules, what):
        with pytest.raises(OutboundRefused) as refusal:
            read(f"{odd.url}/{what}/", rules)

        assert refusal.value.reason is Reason.ENCODING

    def test_after_a_refusal_the_client_goes_on(self, odd, rules):
        with client(replace(rules, most_bytes=100_000), max_connections=1) as web:
            for _ in range(3):
                with pytest.raises(OutboundRefused):
                    web.get(f"{odd.url}/endless/")
                with pytest.raises(OutboundRefused):
                    web.get(f"{odd.url}/brotli/")
                assert web.get(f"{odd.url}/ok/").content == TEXT


class TestConnections:
    def test_one_is_used_again_and_its_name_is_resolved_once(self, odd, rules, monkeypatch):
        asked = []
        monkeypatch.setattr(
            connections, "resolve_host", lambda host, port: asked.append(host) or ["127.0.0.1"]
        )

        with client(rules) as web:
            for _ in range(5):
                assert web.get(f"http://one.example:{odd.port}/ok/").content == TEXT

        assert asked == ["one.example"]

    @pytest.mark.costly
    def test_threads_share_a_client(self, odd, rules):
        got, web = [], client(rules)

        def ask():
            got.extend(web.get(f"{odd.url}/gzip/").content for _ in range(5))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        web.close()

        assert got == [TEXT] * 40

    def test_a_certificate_of_another_name_is_refused(self, rules, certificate_files):
        """The address is the right one; what counts is the name that was asked for."""
        trusted = ssl.create_default_context(cafile=certificate_files.ca)
        with OddServer(certificate_files.chain) as server:
            policy = replace(rules, ports=frozenset({server.port}))
            monkey = {**NAMES, "localhost": ["127.0.0.1"]}
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(
                    connections, "resolve_host", lambda host, port: monkey.get(host, [host])
                )
                for good in ("127.0.0.1", "localhost", "localhost."):
                    assert read(f"https://{good}:{server.port}/ok/", policy, verify=trusted) == TEXT
                with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    read(f"https://one.example:{server.port}/ok/", policy, verify=trusted)
                with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    read(f"https://localhost:{server.port}/ok/", policy)

    def test_a_proxy_of_the_environment_is_used_for_what_the_operator_named(self, odd, monkeypatch):
        """A proxy that allows nothing: it is asked, and with the name, which it resolves."""
        monkeypatch.setenv("HTTPS_PROXY", odd.url)
        policy = purposes.provider(["https://api.example/v1"], setting="X", seconds=3)

        with pytest.raises(httpx.ProxyError), client(policy) as web:
            web.get("https://api.example/v1/models")

        assert odd.requests[-1] == "CONNECT api.example:443"


class TestTunnel:
    """Through a proxy that lets through: the name is verified behind it, and resolved by it."""

    @pytest.fixture
    def proxy(self, monkeypatch):
        with OddServer() as server:
            server.tunnels = True
            monkeypatch.setenv("HTTPS_PROXY", server.url)
            yield server

    def test_the_provider(self, proxy, certificate_files, rules):
        trusted = ssl.create_default_context(cafile=certificate_files.ca)
        with OddServer(certificate_files.chain) as server:
            here, elsewhere = (f"https://{h}:{server.port}" for h in ("localhost", "api.example"))
            policy = purposes.provider([here, elsewhere], setting="X", seconds=5)
            with client(policy, verify=trusted) as web:
                for _ in range(3):
                    assert web.get(f"{here}/gzip/").content == TEXT
                with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    web.get(f"{elsewhere}/ok/")

        assert proxy.requests == [
            f"CONNECT {h}:{server.port}" for h in ("localhost", "api.example")
        ]

    def test_the_bucket(self, proxy, certificate_files):
        with OddServer(certificate_files.chain) as server:
            url = f"https://localhost:{server.port}"
            store = S3Store(s3_settings(url, bucket="moved", ca_bundle=certificate_files.ca))
            with pytest.raises((StoreForbidden, StoreUnavailable)):
                store.head("x")
            assert server.requests[0] == f"localhost:{server.port}/moved/x"

        assert proxy.requests[0] == f"CONNECT localhost:{server.port}"


class TestSessionForLibraries:
    """As django-allauth asks the provider of identities (`requests`)."""

    @pytest.fixture
    def session(self, odd):
        with requests_session(purposes.identities(odd.url)) as session:
            yield session

    def test_it_answers_as_requests_does(self, odd, session):
        answer = session.get(f"{odd.url}/gzip/", timeout=1, headers={"Authorization": "Bearer x"})

        assert (answer.status_code, answer.content, answer.ok) == (200, TEXT, True)
        assert odd.headers[-1]["Authorization"] == "Bearer x"
        assert session.post(f"{odd.url}/ok/", data={"code": "1"}).text == TEXT.decode()
        assert session.get(f"{odd.url}/hops/3").content == TEXT

    @pytest.mark.parametrize(
        "url",
        [
            "http://169.254.169.254/", "http://127.0.0.1:1/", "http://one.example/",
            "{odd}/to/http://169.254.169.254/latest/", "{odd}/long/", "{odd}/bomb/",
        ],
    )  # fmt: skip
    def test_what_is_refused_is_an_error_of_the_connection(self, odd, session, url):
        with pytest.raises(requests.ConnectionError, match="OIDC_ISSUER_URL"):
            session.get(url.format(odd=odd.url))

    def test_redirects_and_time_have_an_end(self, odd, session, monkeypatch):
        with pytest.raises(requests.TooManyRedirects):
            session.get(f"{odd.url}/loop/")
        policy = replace(purposes.identities(odd.url), total_seconds=0.4)
        with requests_session(policy) as hasty, pytest.raises(requests.Timeout):
            hasty.get(f"{odd.url}/trickle/20")

    def test_with_tls_it_says_itself_where_to_ask(self):
        policy = purposes.identities("https://id.example/realm")

        policy.admit(origin_of("https://tokens.example:8443/token"))
        policy.admit_address("tokens.example", 8443, "10.0.0.1")
        with pytest.raises(OutboundRefused):
            policy.admit(origin_of("http://tokens.example/token"))
        with pytest.raises(OutboundRefused):
            policy.admit_address("tokens.example", 8443, "169.254.169.254")


class TestProvider:
    """The adapter of GigaChat: what is refused, it says with the setting; nothing was paid for."""

    @pytest.mark.costly
    @pytest.mark.parametrize("what", ["trickle/20", "trickle-headers/20"])
    def test_one_that_trickles_does_not_outlive_its_timeout(self, odd, make_provider, now, what):
        started = time.monotonic()

        with pytest.raises(ProviderBusy, match="ReadTimeout"):
            make_provider(auth_url=f"{odd.url}/{what}", timeout_seconds=0.5).models(now=now)

        assert time.monotonic() - started < 3

    def test_an_answer_without_end_is_not_read_on(self, odd, make_provider, now):
        with pytest.raises(ProviderBusy, match="unexpected"):
            make_provider(auth_url=f"{odd.url}/endless/").models(now=now)

    @pytest.mark.parametrize("variable", ["base_url", "auth_url"])
    def test_its_name_that_turns_to_the_metadata(self, make_provider, gigachat_stub, now, variable):
        url = getattr(gigachat_stub, variable)
        provider = make_provider(**{variable: url.replace("127.0.0.1", "metadata.example")})

        with pytest.raises(
            ProviderMisconfigured, match=r"GIGACHAT_BASE_URL.*name server"
        ) as refusal:
            provider.models(now=now)

        assert refusal.value.reason == "provider_address"
        assert "metadata.example is at 169.254.169.254" in str(refusal.value)
        assert "upload" not in gigachat_stub.stats()["calls"]

    def test_the_check_of_its_addresses_is_guarded_too(self, gigachat_stub, make_provider):
        provider = make_provider(
            auth_url=gigachat_stub.auth_url.replace("127.0.0.1", "metadata.example")
        )

        with pytest.raises(ProviderMisconfigured, match=r"169\.254\.169\.254"):
            reach(provider.connection)

    def test_without_tls_only_on_this_machine(self, make_provider, now, monkeypatch):
        monkeypatch.setattr(connections, "resolve_host", lambda *_: ["10.0.0.1"])

        with pytest.raises(ProviderMisconfigured, match="use https://"):
            make_provider(auth_url="http://gigachat.example/oauth").models(now=now)

    def test_a_name_that_is_none_is_said_at_once(self, make_provider):
        with pytest.raises(ProviderMisconfigured, match="odd spelling"):
            make_provider(base_url="https://0x7f.1/v1")


class TestBucket:
    """boto3's requests; what is refused is a failure of the store, not of the object."""

    @pytest.fixture
    def store(self, moto, bucket):
        def make(host, **changes):
            return S3Store(
                s3_settings(moto.replace("127.0.0.1", host), **{"bucket": bucket} | changes)
            )

        return make

    def test_a_name_server_that_changes_its_mind(self, store, monkeypatch):
        answer = ["127.0.0.1"]
        monkeypatch.setattr(connections, "resolve_host", lambda *_: list(answer))
        s3 = store("localhost")

        assert s3.head("media/t/nothing") is None
        answer[:] = ["169.254.169.254"]
        with pytest.raises(StoreForbidden, match=r"169\.254\.169\.254"):
            s3.head("media/t/nothing")  # moto ends each connection, so this is a new one

    @pytest.mark.parametrize("host", ["metadata.example", "169.254.169.254"])
    def test_metadata_is_refused_whoever_named_it(self, store, host):
        with pytest.raises(StoreForbidden, match=r"169\.254\.169\.254.*S3_ENDPOINT_URL"):
            store(host, max_retry_attempts=3).head("media/t/nothing")

    def test_the_bucket_may_stand_in_front(self, store, bucket, monkeypatch):
        asked = []

        def resolve_host(host, port):
            asked.append(host)
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

        monkeypatch.setattr(connections, "resolve_host", resolve_host)

        with pytest.raises(StoreUnavailable, match="is not known"):
            store("s3.example", force_path_style=False).head("media/t/nothing")
        assert asked == [f"{bucket}.s3.example"]

    def test_a_redirect_leads_nowhere_else(self, odd):
        del odd.requests[:]

        with pytest.raises((StoreForbidden, StoreUnavailable)):
            S3Store(s3_settings(odd.url, bucket="moved")).delete("media/t/nothing")
        with pytest.raises((StoreForbidden, StoreUnavailable)):
            list(S3Store(s3_settings(odd.url, bucket="moved")).list())

        assert odd.requests
        assert all(one.startswith(f"127.0.0.1:{odd.port}/moved") for one in odd.requests)

    @pytest.mark.parametrize(
        "url", ["http://169.254.169.254/", "https://s3.amazonaws.com/b", "http://127.0.0.1:1/b"]
    )
    def test_a_request_that_boto3_turns_elsewhere_is_not_sent(self, odd, url):
        policy = purposes.bucket(odd.url, "moved")
        session = GuardedSession(policy, odd.url, Connections(True, 1, 1, 1))
        request = AWSRequest(method="GET", url=url).prepare()

        with pytest.raises(OutboundRefused) as refusal:
            session.answer(request)
        assert refusal.value.reason is Reason.HOST

    def test_a_proxy_of_the_environment_is_asked_and_checked(self, odd, monkeypatch):
        settings = s3_settings("https://s3.example", bucket="moved")
        monkeypatch.setenv("HTTPS_PROXY", odd.url)
        with pytest.raises(StoreUnavailable, match="check HTTPS_PROXY"):
            S3Store(settings).head("media/t/nothing")
        assert odd.requests[-1] == "CONNECT s3.example:443"

        monkeypatch.setenv("HTTPS_PROXY", "http://metadata.example:3128")
        with pytest.raises(StoreForbidden, match="HTTPS_PROXY"):
            S3Store(settings).head("media/t/nothing")

    def test_a_certificate_of_another_name(self, monkeypatch, certificate_files):
        monkeypatch.setattr(connections, "resolve_host", lambda *_: ["127.0.0.1"])
        with OddServer(certificate_files.chain) as server:
            url = f"https://other.example:{server.port}"
            trusted = {"ca_bundle": certificate_files.ca, "bucket": "moved"}
            with pytest.raises(StoreUnavailable, match="certificate of another host"):
                S3Store(s3_settings(url, **trusted)).head("x")
            assert server.requests == []
            with pytest.raises((StoreForbidden, StoreUnavailable)):
                S3Store(s3_settings(server.url, **trusted)).head("x")
            assert server.requests
