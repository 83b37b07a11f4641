"""E-mail to the mail server of the settings and to no other, by connections that are checked."""

import smtplib
import socket

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend

from events import outbound


def _connected(host: str, port: int, timeout: float | None) -> socket.socket:
    """Raises OutboundRefused where the name leads to another place than a mail server's."""
    policy = outbound.purposes.mail(settings.EMAIL_HOST, settings.EMAIL_PORT)
    return outbound.connect(policy, host, port, timeout=timeout)


class GuardedSmtp(smtplib.SMTP):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return _connected(host, port, timeout)


class GuardedSmtpOverTls(smtplib.SMTP_SSL, GuardedSmtp):
    """TLS from the first byte; the socket below it is that of `GuardedSmtp`."""


class GuardedBackend(EmailBackend):
    """Django's own, whose connections pass the guard of all requests to the outside."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return GuardedSmtpOverTls if self.use_ssl else GuardedSmtp
