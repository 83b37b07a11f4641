"""Delete entries that are older than they are kept, which the table allows to nobody else."""

from datetime import datetime

from django.db import connection, transaction

from accounts.audit.rows import record
from accounts.models import AuditEntry


def prune(*, before: datetime) -> int:
    """
    Delete what is older than `before`, and record that; returns how many entries.

    The triggers of the table (`accounts/migrations`) let this transaction do so, and never with
    entries of the last 30 days.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('audit.prune_before', %s, true)", [before.isoformat()])
        # Raw: an ordinary delete would first read every row.
        count = AuditEntry.objects.filter(at__lt=before)._raw_delete("default")  # noqa: SLF001
        cursor.execute("SELECT set_config('audit.prune_before', '', true)")
        if count:
            record("audit.pruned", after={"entries": count, "before": before.isoformat()})
    return count
