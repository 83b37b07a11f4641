"""Payers of encoders that cost tokens: the tenants whose posts are encoded, or are searched."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from accounts.models import Tenant
from events.errors import RetryLater
from search.embeddings.port import EncoderUnavailable, NothingLeft
from vision.services.paid_texts import Bill, TokensRefused, paid_texts

PATIENCE: Final = timedelta(minutes=1)
"""How long posts wait for a place among the provider's calls."""
PATIENCE_OF_QUERIES: Final = timedelta(seconds=1)
MOST_ASKED: Final = 5
"""Tenants that are asked for the tokens of one query."""


class TenantPays:
    """Each request is paid out of the tenant's budget; older posts leave the rest to recent ones."""

    def __init__(self, tenant: Tenant, *, model: str, is_recent: bool) -> None:
        self._tenant, self._model, self._is_recent = tenant, model, is_recent

    @contextmanager
    def paid(self, texts: Sequence[str]) -> Iterator[Bill]:
        with ExitStack() as stack:
            try:
                bill = stack.enter_context(
                    paid_texts(
                        self._tenant,
                        texts,
                        model=self._model,
                        is_recent=self._is_recent,
                        patience=PATIENCE,
                    )
                )
            except TokensRefused as refused:
                raise NothingLeft(str(refused), after=refused.after) from refused
            except RetryLater as wait:
                raise EncoderUnavailable(str(wait), after=wait.after) from wait
            yield bill


class Prepaid:
    """One request that is paid for already: the thread that makes it touches no database."""

    def __init__(self, bill: Bill) -> None:
        self._bill: Bill | None = bill

    @contextmanager
    def paid(self, texts: Sequence[str]) -> Iterator[Bill]:
        del texts
        bill, self._bill = self._bill, None
        if bill is None:
            raise EncoderUnavailable("a query is one request")
        yield bill


@contextmanager
def query_paid(tenants: Sequence[UUID], text: str, *, model: str) -> Iterator[Prepaid]:
    """
    Inside, one request about the query may be made, paid by the first of the tenants that can.

    Raises EncoderUnavailable where none of them has tokens left, or the provider has no place free.
    """
    with ExitStack() as stack:
        yield Prepaid(_first_bill(stack, tenants, text, model=model))


def _first_bill(stack: ExitStack, tenants: Sequence[UUID], text: str, *, model: str) -> Bill:
    rows = Tenant.objects.filter(pk__in=list(tenants)).order_by("pk")[:MOST_ASKED]
    refusal: Any = "no tenant is searched"
    for tenant in rows:
        paid = paid_texts(tenant, [text], model=model, is_recent=True, patience=PATIENCE_OF_QUERIES)
        try:
            return stack.enter_context(paid)
        except TokensRefused as refused:
            refusal = refused
        except RetryLater as wait:
            raise EncoderUnavailable(str(wait)) from wait
    raise EncoderUnavailable(str(refusal))
