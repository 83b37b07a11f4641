"""The vector of a query: by the model whose vectors cover the archive, soon or not at all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from search import metrics
from search.embeddings import chosen, paying
from search.embeddings.port import Encoder, EncoderUnavailable, Vector
from search.embeddings.requested import RequestedEncoder
from search.embeddings.within import query_vector
from search.index.postgresql.vectors import kept_vectors, vector_table
from search.services.meaning import models_in_use, payers

LOADING_SECONDS: Final = 60.0
"""For a model of this machine that has to be read from the disk before it answers."""
_is_patient: ContextVar[bool] = ContextVar("is_patient", default=False)


@dataclass(frozen=True, slots=True)
class AskedVector:
    """`model` is the one whose vectors are compared; `note` says where it does not cover all posts."""

    vector: Vector
    model: str
    note: str = ""


def encoded(text: str, tenants: Sequence[UUID]) -> AskedVector:
    """
    Encode a query, in small letters: who shouts means the same. Relevance is as with its letters
    (nDCG@10 .834 both). Raises EncoderUnavailable, also where it takes too long.

    While a new model's vectors are being made, its predecessor's encoder is asked. Where that does
    not answer, the new one is, and finds by meaning only what it has a vector of.
    """
    wanted, text = chosen.encoder(), text.lower()
    if not chosen.configured():
        raise EncoderUnavailable("SEARCH_ENCODER is none")
    old = models_in_use.predecessor_of(wanted)
    if old is None:
        return AskedVector(_vector(wanted, text, tenants), wanted.name)
    try:
        serving = chosen.former(old.name, old.specification)
        return AskedVector(_vector(serving, text, tenants), old.name)
    except EncoderUnavailable as error:
        note = _("by meaning only posts of the new model: %(reason)s") % {"reason": error}
        return AskedVector(_vector(wanted, text, tenants), wanted.name, note)


def _vector(encoder: Encoder, text: str, tenants: Sequence[UUID]) -> Vector:
    if not encoder.is_remote or not vector_table.exists():
        return _in_time(encoder, text)
    key = sha256(f"query\0{text}".encode("utf-8", "surrogatepass")).hexdigest()
    known = kept_vectors.find([key], encoder.name)
    if known.get(key):
        return kept_vectors.numbers(known[key])
    vector = _paid(encoder, text, tenants)
    kept_vectors.keep({key: vector}, encoder.name)
    return vector


def _paid(encoder: Encoder, text: str, tenants: Sequence[UUID]) -> Vector:
    if not isinstance(encoder, RequestedEncoder) or not encoder.paid_model:
        return _in_time(encoder, text)
    sent = encoder.as_query(text)
    with payers.query_paid(tenants, sent, model=encoder.paid_model) as payer, paying.by(payer):
        return _in_time(encoder, text)


@contextmanager
def patient() -> Iterator[None]:
    """
    Let a model of this machine be loaded inside the block, however slow the machine is.

    For commands: each is a process that begins without the model, and on a slow machine all of
    them would search by words only.
    """
    token = _is_patient.set(True)
    try:
        yield
    finally:
        _is_patient.reset(token)


def _in_time(encoder: Encoder, text: str) -> Vector:
    most = settings.SEARCH.query_timeout_sec
    if _is_patient.get() and not encoder.is_remote:
        most = max(most, LOADING_SECONDS)
    try:
        vector = query_vector(encoder, text, seconds=most)
    except EncoderUnavailable:
        metrics.FAILURES.labels("query").inc()
        raise
    models_in_use.check_dimension(encoder.name, len(vector))
    return vector
