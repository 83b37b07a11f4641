"""Proxies, references to channels, and the settings of Telegram."""

import base64

import pytest
from cryptography.fernet import Fernet
from pydantic import ValidationError

from media.sources.telegram.client import make_client
from media.sources.telegram.endpoint import Endpoint, Server
from media.sources.telegram.failures import ReferenceUnknown
from media.sources.telegram.proxies import Proxy, ProxyRefused, parse_proxy
from media.sources.telegram.references import Reference, parse_reference
from telegram_assistant.config import Telegram

SECRET = "0123456789abcdef0123456789abcdef"


class TestProxies:
    @pytest.mark.parametrize(
        ("text", "proxy"),
        [
            ("", None),
            ("socks5://u:p%40ss@host:1080", Proxy("socks5", "host", 1080, "u", "p@ss")),
            ("socks5h://host:1080", Proxy("socks5", "host", 1080)),
            ("http://host:3128", Proxy("http", "host", 3128)),
            (f"mtproto://{SECRET}@host:443", Proxy("mtproto", "host", 443, secret=SECRET)),
            (f"mtproto://dd{SECRET}@host:443", Proxy("mtproto", "host", 443, secret=f"dd{SECRET}")),
            (f"tg://proxy?server=host&port=443&secret={SECRET}", Proxy("mtproto", "host", 443, secret=SECRET)),
            (f"https://t.me/proxy?server=host&port=443&secret={SECRET}", Proxy("mtproto", "host", 443, secret=SECRET)),
            (
                f"mtproto://{base64.urlsafe_b64encode(bytes.fromhex(SECRET)).decode().rstrip('=')}@host:1",
                Proxy("mtproto", "host", 1, secret=SECRET),
            ),
        ],
    )  # fmt: skip
    def test_what_people_write(self, text, proxy):
        assert parse_proxy(text) == proxy

    @pytest.mark.parametrize(
        "text",
        [
            "host:1080", "socks4://host:1", "socks5://host", f"mtproto://{SECRET}@host",
            f"mtproto://{SECRET[:-2]}@host:443", "mtproto://@host:443", "mtproto://zz!@host:443",
            "socks5://host:notaport", "tg://proxy?server=host",
        ],
    )  # fmt: skip
    def test_what_is_refused(self, text):
        with pytest.raises(ProxyRefused):
            parse_proxy(text)

    @pytest.mark.parametrize("domain", ["676f6f676c652e636f6d", "61"])
    def test_fake_tls_is_refused_with_the_way_out(self, domain):
        with pytest.raises(ProxyRefused, match=r"ee \(fake TLS\).*importing an export") as refusal:
            parse_proxy(f"mtproto://ee{SECRET}{domain}@host:443")

        assert SECRET not in str(refusal.value)

    def test_secrets_are_not_shown(self):
        shown = repr(parse_proxy("socks5://u:hidden@host:1")) + repr(
            parse_proxy(f"mtproto://{SECRET}@host:1")
        )

        assert "hidden" not in shown
        assert SECRET not in shown


class TestReferences:
    @pytest.mark.parametrize(
        ("text", "reference"),
        [
            ("@durov", Reference(name="durov")),
            ("durov", Reference(name="durov")),
            ("https://t.me/durov", Reference(name="durov")),
            ("t.me/s/durov/12?single", Reference(name="durov")),
            ("https://t.me/c/1234567890/55", Reference(tg_channel_id=-1001234567890)),
            ("-1001234567890", Reference(tg_channel_id=-1001234567890)),
            ("1234567890", Reference(tg_channel_id=-1001234567890)),
            ("-4321098", Reference(tg_channel_id=-4321098)),
            ("-1000000000003", Reference(tg_channel_id=-1000000000003)),
            ("1000000000003", Reference(tg_channel_id=-1000000000003)),
            ("3", Reference(tg_channel_id=-1000000000003)),
            ("-1123456789012", Reference(tg_channel_id=-1123456789012)),
            ("123456789012", Reference(tg_channel_id=-1123456789012)),
            ("-1997852516352", Reference(tg_channel_id=-1997852516352)),
            ("https://t.me/+AbCdEfGhIjKlMnOp", Reference(invite="AbCdEfGhIjKlMnOp")),
            ("https://t.me/joinchat/AbCdEfGhIjKlMnOp", Reference(invite="AbCdEfGhIjKlMnOp")),
            ("tg://join?invite=AbCdEfGhIjKlMnOp", Reference(invite="AbCdEfGhIjKlMnOp")),
        ],
    )
    def test_what_people_write(self, text, reference):
        assert parse_reference(text) == reference

    @pytest.mark.parametrize("text", ["", "@a", "имя", "https://example.org/durov", "-5", "a b"])
    def test_what_names_none(self, text):
        with pytest.raises(ReferenceUnknown):
            parse_reference(text)


class TestSettings:
    def settings(self, **more) -> Telegram:
        return Telegram(_env_file=None, **more)

    def test_nothing_configured(self):
        assert not self.settings().configured
        assert self.settings().session_keys == []  # no key is made up

    @pytest.mark.parametrize(
        "given",
        [
            {"api_id": 1}, {"api_hash": "x"}, {"session_key": "short"},
            {"proxy": f"mtproto://ee{SECRET}61@host:443"}, {"test_dc": "2:127.0.0.1:443"},
            {"test_dc": "nonsense"}, {"connection": "http"},
        ],
    )  # fmt: skip
    def test_half_of_it_is_refused_without_its_secret(self, given):
        with pytest.raises(ValidationError) as refusal:
            self.settings(**given)

        assert all(SECRET not in e["msg"] for e in refusal.value.errors())

    def test_keys_are_rotated(self):
        new, old = (Fernet.generate_key().decode() for _ in range(2))

        assert self.settings(session_key=f"{new}, {old}").session_keys == [new, old]

    def test_a_server_of_ones_own(self, tmp_path):
        key = tmp_path / "key.pem"
        key.write_text("PEM")
        found = self.settings(
            api_id=1, api_hash="x", test_dc="2:127.0.0.1:4430", test_dc_public_key=key
        )

        assert found.endpoint().server == Server(2, "127.0.0.1", 4430, "PEM")


class TestClient:
    def test_a_proxy_decides_the_connection(self):
        padded = Proxy("mtproto", "127.0.0.1", 1, secret=f"dd{SECRET}")

        names = [
            make_client(Endpoint(1, "x", transport="abridged"))._connection.__name__,
            make_client(Endpoint(1, "x", proxy=padded))._connection.__name__,
        ]

        assert names == [
            "GuardedConnectionTcpAbridged",
            "GuardedConnectionTcpMTProxyRandomizedIntermediate",
        ]
