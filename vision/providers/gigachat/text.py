"""GigaChatText: one completion of text, without pictures, functions, or a session."""

from datetime import datetime

from gigachat.models import Chat, ChatCompletion, Messages, MessagesRole

from vision.providers.gigachat.client import GigaChatConnection, connect
from vision.providers.gigachat.errors import translated
from vision.providers.gigachat.provider import authorized, usage_of
from vision.providers.port import ErrorClass, ProviderBusy, ProviderMisconfigured, ProviderRefused
from vision.providers.text_port import TextRequest, WrittenText

TEMPERATURE = 0.1
"""What is asked for stands in the passages; the same question shall have the same answer."""


class GigaChatText:
    """The provider; one instance per process, so that threads share its OAuth token."""

    name: str = "gigachat"

    def __init__(self, *, connection: GigaChatConnection, model: str) -> None:
        """Raise ProviderMisconfigured where the bundle of certificates cannot be read."""
        self.model = model
        self._auth_url = connection.auth_url
        try:
            self._client = connect(connection)
        except OSError as exc:
            raise ProviderMisconfigured(
                "provider_certificates",
                f"GIGACHAT_CA_BUNDLE_FILE is not a file of PEM certificates: {exc}",
            ) from exc

    def write(self, request: TextRequest, *, now: datetime) -> WrittenText:
        """Ask once; raises ProviderBusy, ProviderRefused and ProviderMisconfigured."""
        chat = Chat(
            model=self.model,
            messages=[
                Messages(role=MessagesRole.SYSTEM, content=request.instructions),
                Messages(role=MessagesRole.USER, content=request.content),
            ],
            temperature=TEMPERATURE,
            max_tokens=request.max_tokens,
        )
        with translated(now=now, auth_url=self._auth_url, model=self.model, billed=True):
            completion = authorized(lambda: self._client.chat(chat))
        return _written(completion)

    def close(self) -> None:
        self._client.close()


def _written(completion: ChatCompletion) -> WrittenText:
    usage = usage_of(completion)
    if not completion.choices:
        raise ProviderRefused(
            "answer_unusable", "no answer",
            error_class=ErrorClass.NON_RETRYABLE_BUSINESS, usage=usage,
        )  # fmt: skip
    choice = completion.choices[0]
    if choice.finish_reason == "error":
        raise ProviderBusy(
            "GigaChat broke off", error_class=ErrorClass.RETRYABLE_SERVER_ERROR, usage=usage
        )
    return WrittenText(
        text=choice.message.content or "",
        usage=usage,
        is_cut=choice.finish_reason == "length",
        is_refused=choice.finish_reason == "blacklist",
    )
