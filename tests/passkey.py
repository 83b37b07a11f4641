"""A passkey in software: what a telephone or a security key does, for tests."""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from fido2.cose import ES256
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

from accounts.models import User

HOST = "localhost"
ORIGIN = f"http://{HOST}"
PRESENT_AND_VERIFIED = 0x05
HAS_CREDENTIAL = 0x40


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


class Passkey:
    """A key pair of one user at this installation."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.id = secrets.token_bytes(16)
        self._key = ec.generate_private_key(ec.SECP256R1())

    def register(self) -> Authenticator:
        """Store the public half, as adding a passkey in the browser does."""
        public = ES256.from_cryptography_key(self._key.public_key())
        credential = AttestedCredentialData.create(b"\0" * 16, self.id, public)
        about = AuthenticatorData.create(
            sha256(HOST.encode()).digest(), PRESENT_AND_VERIFIED | HAS_CREDENTIAL, 0, credential
        )
        client_data = self._client_data("webauthn.create", _text(secrets.token_bytes(32)))
        stored = {
            "id": _text(self.id),
            "rawId": _text(self.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": _text(client_data),
                "attestationObject": _text(bytes(AttestationObject.create("none", about, {}))),
            },
            "clientExtensionResults": {"credProps": {"rk": True}},
        }
        return Authenticator.objects.create(
            user=self.user, type="webauthn", data={"name": "Телефон", "credential": stored}
        )

    def sign_in(self, client: Client, **extra):
        """Sign in with nothing but the passkey."""
        asked = client.get(
            "/accounts/2fa/webauthn/login/", HTTP_ACCEPT="application/json", HTTP_HOST=HOST, **extra
        ).json()
        challenge = asked["request_options"]["publicKey"]["challenge"]
        answer = {"credential": json.dumps(self.answer(challenge))}
        return client.post("/accounts/2fa/webauthn/login/", answer, HTTP_HOST=HOST, **extra)

    def answer(self, challenge: str) -> dict:
        about = bytes(
            AuthenticatorData.create(sha256(HOST.encode()).digest(), PRESENT_AND_VERIFIED, 1)
        )
        client_data = self._client_data("webauthn.get", challenge)
        signature = self._key.sign(about + sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        return {
            "id": _text(self.id),
            "rawId": _text(self.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": _text(client_data),
                "authenticatorData": _text(about),
                "signature": _text(signature),
                "userHandle": _text(user_pk_to_url_str(self.user).encode()),
            },
            "clientExtensionResults": {},
        }

    def _client_data(self, kind: str, challenge: str) -> bytes:
        urlsafe_b64decode(challenge + "==")  # what no browser would accept fails here
        said = {"type": kind, "challenge": challenge, "origin": ORIGIN, "crossOrigin": False}
        return json.dumps(said).encode()
