"""Everything that is in the database of one tenant, as one value that can be compared."""

import hashlib

from accounts.models import Tenant
from tests.permission_table.asking import TRACES
from tests.permission_table.world import rows_of


def contents(tenant: Tenant) -> str:
    """A hash of all rows of a tenant, but of the people's last sign-in."""
    rows = sorted(
        repr((row._meta.label, [(f.attname, getattr(row, f.attname)) for f in row._meta.concrete_fields
        if f.attname != "last_login"]))
        for row in rows_of(tenant) if row._meta.db_table not in TRACES
    )  # fmt: skip
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
