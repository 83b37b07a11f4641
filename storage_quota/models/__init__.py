"""Tables of the ledger, of reservations, of the bucket and of the checks that compare both."""

from storage_quota.models.bucket import BucketState
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
    "BucketState",
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
