"""The console's pages about the bucket. Objects and reservations are read-only."""

from storage_quota.admin import integrity, ledger

__all__ = ["integrity", "ledger"]
