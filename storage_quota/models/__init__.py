"""The ledger, what is reserved, and what comparing the ledger with the bucket found."""

from storage_quota.models.integrity import (
    Finding,
    Installation,
    IntegrityCheck,
    IntegrityFinding,
    Orphan,
    Outcome,
)
from storage_quota.models.ledger import (
    GIB,
    ContentType,
    Reservation,
    StoredObject,
    TenantUsage,
)

__all__ = [
    "GIB",
    "ContentType",
    "Finding",
    "Installation",
    "IntegrityCheck",
    "IntegrityFinding",
    "Orphan",
    "Outcome",
    "Reservation",
    "StoredObject",
    "TenantUsage",
]
