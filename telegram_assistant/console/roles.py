"""What each role may do in the console, beyond viewing the rows of its tenants."""

from typing import Final

from accounts.access import Action
from accounts.permissions.table import allow

PERMISSIONS: Final = {
    # Rows of the installation: whoever has the right in every tenant.
    Action.VIEW: (
        "storage_quota.view_bucketstate",
        "storage_quota.view_integritycheck",
        "storage_quota.view_integrityfinding",
        "storage_quota.view_orphan",
        "vision.view_callcost",
        "vision.view_providerhealth",
    ),
    Action.OPERATE: (
        "media.change_channel",
        "crawl.change_crawledpage",
        "media.add_channelfeed",
        "media.change_channelfeed",
        "events.change_delivery",
        "vision.change_tokenbudget",
        "vision.change_documenttext",
        "albums.change_mediagroup",
        "vision.add_picturedistinction",
        "vision.change_posttag",
        "vision.add_tagrule",
        "vision.change_tagrule",
        "storage_quota.change_orphan",
        "storage_quota.delete_storedobject",
        "django_q.view_schedule",
        "django_q.view_ormq",
        "django_q.view_failure",
        "django_q.view_success",
    ),
    Action.ADMINISTER: (
        "accounts.view_apitoken",
        "media.view_telegramaccount",
        "media.add_telegramaccount",
        "media.change_telegramaccount",
        "accounts.view_auditentry",
        "accounts.view_browsersession",
        "accounts.view_user",
        "accounts.view_membership",
        "accounts.add_membership",
        "accounts.change_membership",
        "accounts.delete_membership",
    ),
}


def register() -> None:
    """Enter the permissions of every room; what is not entered is left to superusers."""
    for action, names in PERMISSIONS.items():
        allow(action, *names)
