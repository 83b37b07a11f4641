"""Two entries around work that is no transaction: before anything is changed, and at its end."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import models

from accounts.audit.rows import record
from accounts.models import Tenant


@contextmanager
def recorded(
    name: str,
    *,
    target: models.Model | None = None,
    tenant: Tenant | None = None,
    before: Mapping[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """
    Record `name`.started, then `name`.ended with the figures that the block puts into the dict.

    Where the first entry cannot be written, the block does not begin. Whatever ends the block is
    told in the last entry by the name of its type; of a killed process there is the first only.
    """
    record(f"{name}.started", target=target, tenant=tenant, after=before)
    figures: dict[str, Any] = {}
    try:
        yield figures
    except BaseException as end:
        figures["stopped_by"] = type(end).__name__
        raise
    finally:
        record(f"{name}.ended", target=target, tenant=tenant, after=figures)
