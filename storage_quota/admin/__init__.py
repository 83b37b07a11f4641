"""The console's view of the bucket. Objects and reservations are the pipeline's: look only."""

from storage_quota.admin import integrity, ledger

__all__ = ["integrity", "ledger"]
