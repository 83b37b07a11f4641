"""Encoding the passages of posts: each text once, and what is encoded is kept before the next batch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from uuid import UUID

from accounts.models import Tenant
from search.embeddings import paying
from search.embeddings.port import Encoder, EncoderUnavailable
from search.embeddings.requested import RequestedEncoder
from search.index.postgresql import kept_vectors
from search.services import models_in_use
from search.services.payers import TenantPays
from search.sources import IndexedPost
from vision.analysis.recency import is_recent_post

Payment = tuple[UUID, bool]
"""The tenant that pays, and whether the post is recent."""


@dataclass(slots=True)
class EncodedTexts:
    """
    Vectors by hash of the text, empty of one that the encoder refuses.

    `encoded` counts the texts that the encoder was asked about. `failure` is what ended it before
    all were encoded.
    """

    vectors: dict[str, str] = field(default_factory=dict)
    encoded: int = 0
    failure: EncoderUnavailable | None = None


def encode(posts: Sequence[IndexedPost], encoder: Encoder, *, now: datetime) -> EncodedTexts:
    """Encode the passages of these posts that are not known yet, recent posts first."""
    texts = {one.document.text_hash: one for one in posts if one.document.passage}
    done = EncodedTexts(kept_vectors.find(texts, encoder.name))
    missing = {key: one for key, one in texts.items() if key not in done.vectors}
    try:
        for payment, batch in _batches(missing, encoder.batch, now=now):
            done.vectors |= _one_batch(batch, payment, encoder)
            done.encoded += len(batch)
    except EncoderUnavailable as error:
        done.failure = error
    return done


def _one_batch(
    batch: Mapping[str, IndexedPost], payment: Payment, encoder: Encoder
) -> dict[str, str]:
    passages = [one.document.passage for one in batch.values()]
    if isinstance(encoder, RequestedEncoder) and encoder.paid_model:
        tenant_id, is_recent = payment
        tenant = Tenant.objects.get(pk=tenant_id)
        payer = TenantPays(tenant, model=encoder.paid_model, is_recent=is_recent)
        with paying.by(payer):
            vectors = encoder.encode_passages(passages)
    else:
        vectors = encoder.encode_passages(passages)
    for size in {len(vector) for vector in vectors if vector}:
        models_in_use.check_dimension(encoder.name, size)
    return kept_vectors.keep(dict(zip(batch, vectors, strict=True)), encoder.name)


def _batches(
    missing: Mapping[str, IndexedPost], size: int, *, now: datetime
) -> Iterator[tuple[Payment, dict[str, IndexedPost]]]:
    """Batches that one tenant pays, those of recent posts first."""

    def payment(pair: tuple[str, IndexedPost]) -> Payment:
        post = pair[1].post
        return post.tenant_id, is_recent_post(post.posted_at, at=now)

    def order(pair: tuple[str, IndexedPost]) -> tuple[bool, str]:
        tenant_id, is_recent = payment(pair)
        return not is_recent, str(tenant_id)

    for paid_by, group in groupby(sorted(missing.items(), key=order), key=payment):
        pairs = list(group)
        for start in range(0, len(pairs), size):
            yield paid_by, dict(pairs[start : start + size])
