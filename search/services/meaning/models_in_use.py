"""
Which model serves and which is wanted; the change from one to the other.

The model of the settings is wanted. It serves as soon as every post has its vector that had to be
given one when the model was chosen; until then its predecessor does, whose vectors are removed after
that. What new posts wait for has no part in it: both models' posts wait alike.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from events.postgresql.advisory_locks import in_turn
from search.embeddings import chosen
from search.embeddings.port import Encoder, EncoderUnavailable
from search.index.postgresql.vectors import vector_table, waiting
from search.models import EmbeddingModel

CHECKED_EVERY: Final = timedelta(days=1)
TURN: Final = "search.models"
REMOVED_AT_ONCE: Final = 20_000


def adopt(encoder: Encoder, *, now: datetime) -> EmbeddingModel:
    """
    Let the encoder of the settings be the wanted one; all posts without its vector wait for it.

    That is looked for again each day, and when texts were not encoded for a while. The first one serves
    at once. Called by the jobs of one installation, never by each worker: while
    a release is rolled out, two settings would call for each other's vectors in turn.
    """
    wanted = EmbeddingModel.objects.filter(is_wanted=True).first()
    is_new = wanted is None or wanted.name != encoder.name
    if wanted and wanted.checked_at and not is_new and now - wanted.checked_at < CHECKED_EVERY:
        return wanted
    with transaction.atomic():
        in_turn(TURN)
        EmbeddingModel.objects.filter(is_wanted=True).update(is_wanted=False)
        is_first = not EmbeddingModel.objects.filter(serves=True).exists()
        found, _ = EmbeddingModel.objects.get_or_create(
            pk=encoder.name,
            defaults={"wanted_since": now, "dimension": encoder.dimension, "serves": is_first},
        )
        found.is_wanted, found.checked_at = True, now
        found.wanted_since = now if is_new else found.wanted_since
        found.specification = chosen.specification()
        found.save()
        waiting.add_all(encoder.name, now=now)
    return found


def nothing_is_encoded() -> None:
    """Remember that posts come in that nobody lets wait: they are looked for when that ends."""
    EmbeddingModel.objects.filter(checked_at__isnull=False).update(checked_at=None)


def adopt_first(encoder: Encoder, *, now: datetime) -> None:
    """The same where no model is known at all, as in a new installation."""
    if not EmbeddingModel.objects.exists():
        adopt(encoder, now=now)


def serving() -> EmbeddingModel | None:
    return EmbeddingModel.objects.filter(serves=True).first()


def predecessor_of(encoder: Encoder) -> EmbeddingModel | None:
    """The other model that serves, if another one does."""
    found = serving()
    return found if found is not None and found.name != encoder.name else None


def check_dimension(model: str, size: int) -> None:
    """
    Raise EncoderUnavailable where the model has vectors of another size; remember the first one's.

    Nothing else tells that a service has begun to answer by another model under the same name.
    """
    row = EmbeddingModel.objects.filter(pk=model).first()
    if row is None or row.dimension == size:
        return
    if row.dimension:
        raise EncoderUnavailable(
            f"{model} answers with vectors of {size} numbers, and those of the archive have"
            f" {row.dimension}: another model answers under the same name"
        )
    EmbeddingModel.objects.filter(pk=model, dimension=0).update(dimension=size)


def change_over() -> str:
    """Let the wanted model serve if it covers the archive; returns its name if it does since now."""
    with transaction.atomic():
        in_turn(TURN)
        wanted = EmbeddingModel.objects.filter(is_wanted=True, serves=False).first()
        if wanted is None or waiting.any_since(wanted.wanted_since):
            return ""
        EmbeddingModel.objects.filter(serves=True).update(serves=False)
        wanted.serves = True
        wanted.save(update_fields=["serves"])
        return wanted.name


def retire(proceed: Callable[[], bool]) -> int:
    """
    Remove the vectors of models that neither serve nor are wanted, while `proceed` says so.

    Returns how many models are gone; what is left of others is removed by the next call.
    """
    gone = 0
    for row in EmbeddingModel.objects.filter(serves=False, is_wanted=False):
        while not vector_table.drop_model(row.name, most=REMOVED_AT_ONCE):
            if not proceed():
                return gone
        row.delete()
        gone += 1
    return gone
