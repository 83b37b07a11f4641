"""Vectors of texts by GigaChat, for other rooms; who asks pays, see `vision.services.paid_texts`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vision.providers.gigachat.client import GigaChatConnection, connect
from vision.providers.gigachat.errors import translated
from vision.providers.gigachat.provider import MOST_TOKENS
from vision.providers.port import ProviderMisconfigured


@dataclass(frozen=True, slots=True)
class Embedded:
    """
    Items with `embedding` and `index` as they were answered, and the tokens they cost.

    None where the answer names no possible number of them: nobody knows then.
    """

    items: list[dict[str, Any]]
    tokens: int | None


class GigaChatEmbeddings:
    """
    One instance per process, so that its threads share the OAuth token.

    `setting` names the variable of the model. Opens no connection before the first call.
    """

    def __init__(self, connection: GigaChatConnection, *, model: str, setting: str) -> None:
        self._connection, self._model, self._setting = connection, model, setting
        try:
            self._client = connect(connection)
        except OSError as error:
            raise ProviderMisconfigured(
                "provider_certificates", f"GIGACHAT_CA_BUNDLE_FILE cannot be read: {error}"
            ) from error

    def embed(self, texts: Sequence[str], *, now: datetime) -> Embedded:
        """Raises ProviderBusy and ProviderRefused."""
        try:
            with translated(
                now=now, auth_url=self._connection.auth_url, model=self._model, billed=True
            ):
                answer = self._client.embeddings(list(texts), model=self._model)
        except ProviderMisconfigured as refusal:
            raise self._about_our_model(refusal) from refusal
        items = [{"embedding": one.embedding, "index": one.index} for one in answer.data]
        return Embedded(items, _possible([one.usage.prompt_tokens for one in answer.data]))

    def close(self) -> None:
        self._client.close()

    def _about_our_model(self, refusal: ProviderMisconfigured) -> ProviderMisconfigured:
        if refusal.reason != "unknown_model":
            return refusal
        return ProviderMisconfigured(
            refusal.reason, f"GigaChat has no model {self._model!r}: check {self._setting}"
        )


def _possible(named: Sequence[int]) -> int | None:
    """The sum of what each text cost, which is a token at least, and what no request can cost."""
    is_possible = min(named, default=0) >= 1 and sum(named) <= MOST_TOKENS
    return sum(named) if is_possible else None
