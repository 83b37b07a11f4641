"""The console's page of the audit: read-only, also for superusers."""

import auditlog.admin  # noqa: F401 - registers a page that does not fit our table; it is replaced here
from django.contrib import admin

from accounts.models import AuditEntry
from events.console import ReadOnlyAdmin

admin.site.unregister(AuditEntry)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin[AuditEntry]):
    list_display = ("at", "event", "actor_name", "object_name")
