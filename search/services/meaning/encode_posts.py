"""Encoding the passages of posts: each text once, and what is encoded is kept before the next batch."""

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

from accounts.models import Tenant
from events.sentences import gettext_noop
from search import metrics
from search.embeddings import paying
from search.embeddings.port import Encoder, EncoderUnavailable, NothingLeft
from search.embeddings.requested import RequestedEncoder
from search.index.postgresql.vectors import kept_vectors
from search.services.meaning import models_in_use
from search.services.meaning.payers import TenantPays
from search.sources import IndexedPost
from vision.analysis.recency import is_recent_post

SOON: Final = timedelta(seconds=1)
Payment = tuple[UUID, bool]
"""The tenant that pays, and whether the post is recent."""

Batch = dict[str, IndexedPost]
"""A post for each text, by the text's hash."""


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


def encode(
    posts: Sequence[IndexedPost], encoder: Encoder, *, now: datetime, seconds: float | None = None
) -> EncodedTexts:
    """
    Encode the passages of these posts that are not known yet, recent posts first.

    After `seconds` no batch is begun any more; that counts as a failure that soon ends.
    """
    until = math.inf if seconds is None else time.monotonic() + seconds
    texts = {one.document.text_hash: one for one in posts if one.document.passage}
    done = EncodedTexts(kept_vectors.find(texts, encoder.name))
    missing = {key: one for key, one in texts.items() if key not in done.vectors}
    batches = deque(_batches(missing, encoder.batch, now=now))
    try:
        while batches:
            _check_time(until)
            payment, batch = batches.popleft()
            try:
                done.vectors |= _one_batch(batch, payment, encoder)
            except NothingLeft:
                if len(batch) == 1:
                    raise
                batches.extendleft(reversed(_halves(payment, batch)))
            else:
                done.encoded += len(batch)
    except EncoderUnavailable as error:
        metrics.FAILURES.labels("posts").inc()
        done.failure = error
    return done


def _check_time(until: float) -> None:
    if time.monotonic() > until:
        raise EncoderUnavailable(
            gettext_noop("the encoder is slow, the rest comes later"), after=SOON
        )


def _halves(payment: Payment, batch: Batch) -> list[tuple[Payment, Batch]]:
    """The batch in two: what is left may be enough for one."""
    pairs, middle = list(batch.items()), len(batch) // 2
    return [(payment, dict(pairs[:middle])), (payment, dict(pairs[middle:]))]


def _one_batch(batch: Batch, payment: Payment, encoder: Encoder) -> dict[str, str]:
    passages = [one.document.passage for one in batch.values()]
    if isinstance(encoder, RequestedEncoder) and encoder.paid_model:
        tenant_id, is_recent = payment
        tenant = Tenant.objects.get(pk=tenant_id)
        payer = TenantPays(tenant, model=encoder.paid_model, is_recent=is_recent)
        with paying.by(payer):
            vectors = encoder.encode_passages(passages)
    else:
        vectors = encoder.encode_passages(passages)
    refused = sum(not vector for vector in vectors)
    metrics.TEXTS.labels("refused").inc(refused)
    metrics.TEXTS.labels("encoded").inc(len(vectors) - refused)
    for size in {len(vector) for vector in vectors if vector}:
        models_in_use.check_dimension(encoder.name, size)
    return kept_vectors.keep(dict(zip(batch, vectors, strict=True)), encoder.name)


def _batches(
    missing: Mapping[str, IndexedPost], size: int, *, now: datetime
) -> Iterator[tuple[Payment, Batch]]:
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
