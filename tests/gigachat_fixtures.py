"""
Fixtures for GigaChat: the stub serves from a thread on a free port.

`gigachat`: the stub, with `settings.GIGACHAT` for code that calls `vision.providers`.
`make_provider`: makes providers for the stub directly, with any arguments.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telegram_assistant.config import GigaChat
from tests.gigachat_stub import CLIENT_ID, CLIENT_SECRET, Stub, certificates
from vision import providers
from vision.providers.gigachat.client import GigaChatConnection
from vision.providers.gigachat.provider import GigaChatVision

ANSWER_SECONDS = 30.0
"""The default of SEARCH_ANSWER_SECONDS."""
KEY = b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()


@pytest.fixture
def gigachat_stub() -> Iterator[Stub]:
    with Stub() as stub:
        yield stub


@pytest.fixture
def gigachat(gigachat_stub: Stub, settings) -> Iterator[Stub]:
    """The stub, with `settings.GIGACHAT` that point to it: ten requests at a time, 5 s each."""
    settings.GIGACHAT = GigaChat(
        _env_file=None,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        credentials="",
        scope="GIGACHAT_API_CORP",
        base_url=gigachat_stub.base_url,
        auth_url=gigachat_stub.auth_url,
        ca_bundle_file=None,
        verify_ssl=True,
        vision_model="GigaChat-Pro",
        vision_timeout=5,
    )
    yield gigachat_stub
    if providers._gigachat.cache_info().currsize:
        providers.get_gigachat().close()
    providers._gigachat.cache_clear()
    if providers._gigachat_text.cache_info().currsize:
        providers.get_gigachat_text(seconds=ANSWER_SECONDS).close()
    providers._gigachat_text.cache_clear()


@pytest.fixture
def make_provider(gigachat_stub: Stub) -> Iterator[Callable[..., GigaChatVision]]:
    """Makes providers that call the stub, each with a client of its own."""
    made: list[GigaChatVision] = []

    def _(*, model: str = "GigaChat-Pro", stub: Stub = gigachat_stub, **how) -> GigaChatVision:
        provider_arguments = {
            k: how.pop(k) for k in ("max_output_tokens", "preparation") if k in how
        }
        usual = {
            "authorization_key": KEY, "base_url": stub.base_url, "auth_url": stub.auth_url,
            "scope": "GIGACHAT_API_CORP", "timeout_seconds": 5,
        }  # fmt: skip
        connection = GigaChatConnection(**usual | how)
        made.append(GigaChatVision(connection=connection, model=model, **provider_arguments))
        return made[-1]

    yield _
    for provider in made:
        provider.close()


@pytest.fixture(scope="session")
def certificate_files(tmp_path_factory) -> certificates.Certificates:
    return certificates.make(Path(tmp_path_factory.mktemp("certificates")))
