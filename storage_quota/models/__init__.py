"""Tables of the ledger, of reservations, and of the checks that compare ledger and bucket."""

from storage_quota.models.integrity import (
    DifferenceKind,
    Installation,
    IntegrityCheck,
    IntegrityFinding,
    Orphan,
    RepairOutcome,
)
from storage_quota.models.ledger import (
    ContentType,
    Purpose,
    Reservation,
    StoredObject,
    TenantUsage,
)

__all__ = [
    "ContentType",
    "DifferenceKind",
    "Installation",
    "IntegrityCheck",
    "IntegrityFinding",
    "Orphan",
    "Purpose",
    "RepairOutcome",
    "Reservation",
    "StoredObject",
    "TenantUsage",
]
