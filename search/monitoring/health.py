"""The checks of this room, for `/health/detailed` and `doctor`."""

from collections.abc import Iterator

from accounts import tenants
from events import health
from events.health import Finding, Scope, failed, ok, skipped, warning
from events.inspection import postgresql
from events.postgresql import advisory_locks
from events.sentences import Sentence
from events.sentences import gettext_noop as _
from search.embeddings import chosen
from search.embeddings.port import EncoderUnavailable
from search.embeddings.requested import RequestedEncoder
from search.index.postgresql.vectors import vector_index
from search.monitoring.status import status
from search.services.indexing import catch_up, index_meaning, index_words
from search.services.meaning import models_in_use
from search.services.meaning.query_vector import encoded

REMEDY = _(
    "see that workers of the queues search and search_meaning run, and `manage.py search_status`"
)
ENCODER_REMEDY = _("check SEARCH_ENCODER and what it needs; see docs/search.md")
_WAITS = Sentence(_("posts wait to be found by %(index)s for %(hours)s h"))
_CHANGING = Sentence(_("%(model)s serves; %(count)s posts wait for %(encoder)s"))
_BY_WORDS = Sentence(_("by words only: %(why)s"))
_WAITING = Sentence(_("%(count)s posts wait for their vectors"))
_ENCODED = Sentence(_("%(model)s, %(count)s numbers"))
_INDEXES = [_("words"), _("meaning")]
"""What a lag names its index by."""


def register() -> None:
    advisory_locks.register_names(
        lambda: (
            index_words.TURN,
            index_meaning.TURN,
            vector_index.TURN,
            models_in_use.TURN,
            catch_up.TURN,
        )
    )
    needs = postgresql.CHECK
    health.register(
        "search", index_follows, scope=Scope.DETAILED, remedy=postgresql.REMEDY, needs=needs
    )
    for name, probe, scope in (
        ("encoder", encoder_answers, Scope.DOCTOR),
        ("encoder_paid", paid_encoder_answers, Scope.PAID),
    ):
        health.register(name, probe, scope=scope, remedy=ENCODER_REMEDY, seconds=20, needs=needs)


def index_follows() -> Iterator[Finding]:
    """Whether the index is up to date: asks the database only."""
    found = status()
    if found.late:
        most = max(found.late, key=lambda lag: lag.seconds)
        hours = f"{most.seconds / 3600:.1f}"
        yield warning(_WAITS % {"index": most.index, "hours": hours}, REMEDY)
    elif found.is_changing:
        changing = {"model": found.serves, "count": found.waiting, "encoder": found.encoder}
        yield ok(_CHANGING % changing)
    elif found.no_meaning:
        yield ok(_BY_WORDS % {"why": found.no_meaning})
    else:
        yield ok(_WAITING % {"count": found.waiting})


def encoder_answers() -> Iterator[Finding]:
    if not chosen.configured():
        yield skipped(_("SEARCH_ENCODER is none"))
    elif _is_paid():
        yield skipped(_("it costs tokens to ask: doctor --pay"))
    else:
        yield _asked()


def paid_encoder_answers() -> Iterator[Finding]:
    if chosen.configured() and _is_paid():
        yield _asked()
    else:
        yield skipped(_("no encoder that costs tokens"))


def _is_paid() -> bool:
    encoder = chosen.encoder()
    return isinstance(encoder, RequestedEncoder) and bool(encoder.paid_model)


def _asked() -> Finding:
    try:
        found = encoded("doctor", [tenants.default_tenant().pk])
    except EncoderUnavailable as error:
        return failed(str(error), ENCODER_REMEDY)
    return ok(_ENCODED % {"model": found.model, "count": len(found.vector)})
