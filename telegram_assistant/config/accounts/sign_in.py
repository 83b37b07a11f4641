"""Variables of signing in: limits, second factor, an identity provider, and the mail server."""

from datetime import timedelta
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from events.sentences import Sentence
from events.sentences import gettext_noop as _
from telegram_assistant.config.source import source

LEAST_IDLE_MINUTES = 5
_TOO_SHORT = Sentence(_("at least %(least)s, for use is noted once a minute; or 0"))
LOCAL = ("localhost", "127.0.0.1", "::1")


class SignIn(BaseSettings):
    """Reads SIGN_IN_SESSION_DAYS, SIGN_IN_IDLE_MINUTES, SIGN_IN_REQUIRE_SECOND_FACTOR and the allowances of failures."""

    model_config = source("SIGN_IN_")

    session_days: int = Field(default=14, ge=1, le=90)
    idle_minutes: int = Field(default=4320, ge=0, le=129_600)
    require_second_factor: Literal["none", "administrators", "all"] = "none"
    account_failures: int = Field(default=5, ge=3, le=20)
    address_failures: int = Field(default=50, ge=5, le=1000)

    @field_validator("idle_minutes")
    @classmethod
    def _longer_than_a_note(cls, value: int) -> int:
        if 0 < value < LEAST_IDLE_MINUTES:
            raise ValueError(_TOO_SHORT % {"least": LEAST_IDLE_MINUTES})
        return value

    @property
    def idle(self) -> timedelta | None:
        """For how long a session may lie unused; None: for as long as it lasts."""
        return timedelta(minutes=self.idle_minutes) if self.idle_minutes else None


class Oidc(BaseSettings):
    """Reads OIDC_ISSUER_URL, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_NAME, OIDC_MATCH_EMAIL."""

    model_config = source("OIDC_")

    issuer_url: str = ""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    name: str = "SSO"
    match_email: bool = False

    @field_validator("issuer_url")
    @classmethod
    def _secure(cls, value: str) -> str:
        address = urlsplit(value)
        if value and (not address.hostname or "@" in address.netloc or address.fragment):
            raise ValueError(
                _("must be https:// with a host, without a user and without a fragment")
            )
        if value and address.scheme != "https" and address.hostname not in LOCAL:
            raise ValueError(_("must begin with https://"))
        return value.rstrip("/")

    @model_validator(mode="after")
    def _all_or_nothing(self) -> Self:
        given = {bool(self.issuer_url), bool(self.client_id), bool(self.client_secret)}
        if len(given) > 1:
            raise ValueError(
                _(
                    "OIDC_ISSUER_URL, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET belong together:"
                    " set all three or none"
                )
            )
        return self

    @property
    def configured(self) -> bool:
        return bool(self.issuer_url)

    def providers(self) -> dict[str, Any]:
        """Build SOCIALACCOUNT_PROVIDERS of django-allauth; empty if nothing is configured."""
        if not self.configured:
            return {}
        app = {
            "provider_id": "oidc",
            "name": self.name,
            "client_id": self.client_id,
            "secret": self.client_secret.get_secret_value(),
            "settings": {"server_url": self.issuer_url},
        }
        return {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}


class Email(BaseSettings):
    """Reads EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_SECURITY, …"""

    model_config = source("EMAIL_")

    host: str = ""
    port: int = Field(default=587, ge=1, le=65535)
    host_user: str = ""
    host_password: SecretStr = SecretStr("")
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = ""

    @model_validator(mode="after")
    def _no_plain_password(self) -> Self:
        has_secret = bool(self.host_password.get_secret_value())
        if self.security == "none" and has_secret and self.host not in LOCAL:
            raise ValueError(
                _("EMAIL_SECURITY: none would show EMAIL_HOST_PASSWORD to the network")
            )
        return self

    @model_validator(mode="after")
    def _with_a_sender(self) -> Self:
        if self.host and not self.sender:
            raise ValueError(
                _("EMAIL_SENDER: is needed with EMAIL_HOST, such as archive@example.org")
            )
        return self

    @property
    def configured(self) -> bool:
        return bool(self.host)
