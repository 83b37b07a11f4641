"""GigaChat's embeddings: each request is paid by whoever is named, see `search.embeddings.paying`."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from events.outbound.made_once import made_once
from events.sentences import gettext_noop
from search.embeddings import paying
from search.embeddings.answers import vectors_of
from search.embeddings.port import EncoderUnavailable, TextsRefused, Vector
from search.embeddings.requested import Preparation, RequestedEncoder
from vision.providers.port import ErrorClass, ProviderBusy, ProviderMisconfigured, ProviderRefused


class GigaChatEncoder(RequestedEncoder):
    """`gigachat` are the settings of the provider; nothing is opened before the first request."""

    def __init__(
        self, gigachat: Any, *, model: str, how: Preparation, seconds: float, dimension: int = 0
    ) -> None:
        super().__init__(kind="gigachat", model=model, how=how, dimension=dimension)
        self.paid_model, self._settings, self._seconds = model, gigachat, seconds

    @made_once
    def _embeddings(self) -> Any:
        # The SDK is a third of a second that others need not wait.
        from vision.providers.gigachat.client import GigaChatConnection  # noqa: PLC0415 - see above
        from vision.providers.gigachat.embeddings import GigaChatEmbeddings  # noqa: PLC0415 - see above

        given = self._settings
        connection = GigaChatConnection(
            authorization_key=given.authorization_key.get_secret_value(),
            base_url=given.base_url,
            auth_url=given.auth_url,
            scope=given.scope,
            timeout_seconds=self._seconds,
            verify_ssl=given.verify_ssl,
            ca_bundle_file=given.ca_bundle_file,
        )
        return GigaChatEmbeddings(
            connection, model=self.paid_model, setting="SEARCH_GIGACHAT_MODEL"
        )

    def close(self) -> None:
        self._embeddings.close()

    def _request(self, texts: Sequence[str]) -> list[Vector]:
        if not self._settings.configured:
            raise EncoderUnavailable(
                gettext_noop("GigaChat is not configured: set GIGACHAT_CREDENTIALS")
            )
        with paying.current().paid(texts) as bill:
            try:
                answer = self._embeddings.embed(texts, now=timezone.now())
            except ProviderBusy as busy:
                bill.tokens = None if busy.maybe_billed else 0
                raise EncoderUnavailable(str(busy), after=busy.after) from busy
            except ProviderRefused as refusal:
                bill.tokens = 0
                raise _refused(refusal) from refusal
            bill.tokens = answer.tokens
        return vectors_of(answer.items, texts=len(texts), dimension=self.dimension)


def _refused(refusal: ProviderRefused) -> EncoderUnavailable:
    is_of_texts = (
        not isinstance(refusal, ProviderMisconfigured)
        and refusal.error_class is ErrorClass.NON_RETRYABLE_VALIDATION
    )
    return TextsRefused(str(refusal)) if is_of_texts else EncoderUnavailable(str(refusal))
