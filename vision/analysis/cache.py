"""One look per picture: results lie in the bucket under the picture's own name (CONTRACT §2.5)."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError
from pydantic import ValidationError

from accounts.models import Tenant
from storage_quota import keys
from storage_quota import services as quota
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
        logger.warning("vision cache %s is not readable: %s", key, type(error).__name__)
        return None


def is_there(key: str) -> bool:
    """As the ledger knows it: no request to the store."""
    return StoredObject.objects.filter(key=key).exists()


def write(key: str, analysis: Analysis, *, tenant: Tenant, now: datetime) -> bool:
    """
    False where there is no room, or where store or books are away.

    The analysis itself is not lost by that: it may have been paid for (CONTRACT §7.3). A
    quota that says no stands. One that cannot say is asked once more, without what the
    tenant's own settings say: the limits of the installation always hold.
    """
    try:
        try:
            _put(key, analysis, tenant=tenant, now=now)
        except _UNDECIDED as trouble:
            _tell("is not entered yet, once more", tenant, trouble)
            _put(key, analysis, tenant=without_settings(tenant), now=now)
    except (*quota.NOT_STORED, *_UNDECIDED) as trouble:
        _tell("is not kept", tenant, trouble)
        return False
    return True


_UNDECIDED = (LimitsUnknown, quota.ReservationExpired, DatabaseError)
"""Neither yes nor no: asking or entering failed. Nothing stays in the store on that."""


def _put(key: str, analysis: Analysis, *, tenant: Tenant, now: datetime) -> None:
    quota.put_json(
        tenant=tenant,
        content_type=ContentType.VISION,
        key=key,
        data=analysis.model_dump(mode="json"),
        now=now,
    )


def _tell(what: str, tenant: Tenant, trouble: Exception) -> None:
    logger.warning(
        "vision result of tenant %s %s: %s: %s", tenant.pk, what, type(trouble).__name__, trouble
    )
