"""E-mail goes to the mail server of the settings, by checked connections. A real server of ours listens."""

import socketserver
import threading

import pytest
from django.core.mail import EmailMessage, get_connection

from events.outbound import OutboundRefused, connections
from telegram_assistant.config.accounts.sign_in import Email


class _Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP as a client of one letter speaks."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().strip():
            verb = line.split()[0].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.server.letters.append(self._letter())
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")

    def _letter(self) -> str:
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(lines).decode()


@pytest.fixture
def server(settings):
    with socketserver.TCPServer(("127.0.0.1", 0), _Mailbox) as listening:
        listening.letters = []
        threading.Thread(target=listening.serve_forever, args=(0.05,), daemon=True).start()
        settings.EMAIL_HOST, settings.EMAIL_PORT = "localhost", listening.server_address[1]
        settings.EMAIL_BACKEND = "accounts.mail.GuardedBackend"
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        yield listening
        listening.shutdown()


def send(**server) -> int:
    letter = EmailMessage("subject", "text", "a@example.org", ["b@example.org"])
    # Named in full: pytest-django lets no test send through the backend of the settings.
    letter.connection = get_connection("accounts.mail.GuardedBackend", **server)
    return letter.send()


def test_a_letter_arrives(server) -> None:
    assert send() == 1
    assert "Subject: subject" in server.letters[0]


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254"])
def test_a_name_that_leads_to_what_serves_no_mail_is_refused(
    server, monkeypatch, address, tls
) -> None:
    monkeypatch.setattr(connections, "resolve_host", lambda host, port: [address])
    with pytest.raises(OutboundRefused, match="mail server"):
        send(use_ssl=tls)
    assert not server.letters


@pytest.mark.parametrize("elsewhere", [{"host": "127.0.0.1"}, {"port": 25}])
def test_no_other_server_is_spoken_to(server, elsewhere) -> None:
    with pytest.raises(OutboundRefused, match="EMAIL_HOST"):
        send(**elsewhere)


@pytest.mark.parametrize(
    ("host", "security", "password", "fits"),
    [
        ("mail.example.org", "none", "secret", False),
        ("mail.example.org", "none", "", True),
        ("localhost", "none", "secret", True),
        ("mail.example.org", "tls", "secret", True),
    ],
)
def test_a_password_goes_by_tls_or_stays_on_this_host(host, security, password, fits) -> None:
    given = {"host": host, "security": security, "host_password": password, "sender": "a@b.org"}
    if fits:
        assert Email(**given).configured
    else:
        with pytest.raises(ValueError, match="EMAIL_SECURITY"):
            Email(**given)
