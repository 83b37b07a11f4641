"""Cache of analyses in the bucket: one JSON object per picture, provider and model (CONTRACT §2.5)."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError
from pydantic import ValidationError

from accounts.models import Tenant
from storage_quota import keys, services
from storage_quota.models import ContentType, StoredObject
from storage_quota.object_store import ObjectMissing, get_store
from storage_quota.tenant_settings import LimitsUnknown, without_settings
from vision.providers.port import SCHEMA_VERSION, Analysis, VisionProvider

logger = logging.getLogger(__name__)


def key_of(tenant_id: UUID, sha256: str, provider: VisionProvider) -> str:
    return keys.vision(
        tenant_id=tenant_id,
        sha256=sha256,
        provider=provider.name,
        model=provider.model,
        schema=SCHEMA_VERSION,
    )


def read(key: str) -> Analysis | None:
    """The stored result, or None: absent, or not readable by this release."""
    try:
        return Analysis.model_validate(get_store().read_json(key))
    except ObjectMissing:
        return None
    except (ValidationError, ValueError) as error:
        logger.warning(
            "vision cache %s is not readable: %s", key, type(error).__name__, exc_info=error
        )
        return None


def is_there(key: str) -> bool:
    """Whether the ledger lists the object; costs no request to the store."""
    return StoredObject.objects.filter(key=key).exists()


def write(key: str, analysis: Analysis, *, tenant: Tenant, now: datetime) -> bool:
    """
    Store a result; False where there is no room, or where the store or the ledger is away.

    The analysis itself is not lost: the caller has it, and it may have been paid for (CONTRACT
    §7.3). A refusal of the quota is final. Where the quota could not decide, it is tried once
    more without the tenant's own settings; the limits of the installation always hold.
    """
    try:
        try:
            _put(key, analysis, tenant=tenant, now=now)
        except _UNDECIDED as error:
            _log("could not be stored, trying once more", tenant, error)
            _put(key, analysis, tenant=without_settings(tenant), now=now)
    except (*services.NOT_STORED, *_UNDECIDED) as error:
        _log("is not stored", tenant, error)
        return False
    return True


_UNDECIDED = (LimitsUnknown, services.ReservationExpired, DatabaseError)
"""Errors after which nobody knows whether there is room; nothing stays in the store then."""


def _put(key: str, analysis: Analysis, *, tenant: Tenant, now: datetime) -> None:
    stored = services.put_json(
        tenant=tenant,
        content_type=ContentType.VISION,
        key=key,
        data=analysis.model_dump(mode="json"),
        now=now,
    )
    logger.info("Tenant usage updated for vision result: %d B", stored.size_bytes)


def _log(what: str, tenant: Tenant, error: Exception) -> None:
    logger.warning(
        "vision result of tenant %s %s: %s: %s",
        tenant.pk, what, type(error).__name__, error,
        exc_info=error,
    )  # fmt: skip
