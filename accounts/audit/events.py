"""
Every event that the audit knows, in one place; `record` refuses any other code.

A new one is a line here and a row in the table of docs/accounts.md, which a test compares.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Event:
    """
    A kind of entry: its code and its name in words.

    An entry that cannot be written makes its action fail. An event with `refusal` tells of
    something that was refused anyway: there the failure is logged and the refusal stays one.
    """

    code: str
    words: Promise | str
    refusal: bool = False


class EventUnknown(ValueError):
    """The code is not among `EVENTS`."""


_DECLARED = (
    # Rows that people edit, by the signals of django-auditlog.
    Event("row.added", _("Added")),
    Event("row.changed", _("Changed")),
    Event("row.deleted", _("Deleted")),
    # Signing in.
    Event("sign_in.succeeded", _("Signed in")),
    Event("sign_in.failed", _("Sign-in failed"), refusal=True),
    Event("sign_in.limited", _("Too many attempts to sign in"), refusal=True),
    Event("sign_in.refused", _("Sign-in refused"), refusal=True),
    Event("sign_out", _("Signed out")),
    Event("access.refused", _("Access refused"), refusal=True),
    Event("password.changed", _("Password changed")),
    Event("password.reset", _("Password set anew")),
    Event("second_factor.added", _("Second factor added")),
    Event("second_factor.removed", _("Second factor removed")),
    Event("second_factor.failed", _("Second factor failed"), refusal=True),
    Event("recovery_codes.made", _("Recovery codes made")),
    Event("recovery_code.used", _("Recovery code used")),
    Event("account.linked", _("Account of an identity provider linked")),
    Event("account.unlinked", _("Account of an identity provider unlinked")),
    Event("session.ended", _("Session ended")),
    # Tokens of the API.
    Event("token.issued", _("Token issued")),
    Event("token.revoked", _("Token revoked")),
    Event("token.refused", _("Token refused"), refusal=True),
    # Roles.
    Event("member.invited", _("Person invited")),
    Event("role.changed", _("Role changed")),
    # The installation.
    Event("settings.changed", _("Settings of the installation changed")),
    Event("audit.pruned", _("Old audit entries deleted")),
    # The work of the rooms. What takes long has two entries: one before anything is changed.
    Event("import.started", _("Import started")),
    Event("import.ended", _("Import ended")),
    Event("telegram.signed_in", _("Account of Telegram signed in")),
    Event("telegram.signed_out", _("Account of Telegram forgotten")),
    Event("channel.followed", _("Channel is read from Telegram")),
    Event("channel.paused", _("Channel paused")),
    Event("channel.resumed", _("Channel resumed")),
    Event("gaps.wanted", _("Gaps of a channel are to be read")),
    Event("event.published", _("Event published by hand")),
    Event("events.pruned", _("Old events deleted by hand")),
    Event("trial.started", _("End-to-end test started")),
    Event("tasks.replayed", _("Tasks put into the queue again")),
    Event("cleanup.started", _("Cleanup started")),
    Event("cleanup.ended", _("Cleanup ended")),
    Event("repair.started", _("Repair of the ledger started")),
    Event("repair.ended", _("Repair of the ledger ended")),
    Event("bucket.claimed", _("Bucket marked as this installation's")),
    Event("orphan.adopted", _("Object added to the ledger")),
    Event("orphans.accepted", _("Objects accepted")),
    Event("lifecycle.written", _("Lifecycle rules written to the bucket")),
    Event("budget.reset", _("Usage of tokens reset")),
    Event("call_cost.forgotten", _("Cost of calls forgotten")),
    Event("provider.resumed", _("Provider in use again")),
    Event("pictures.retried", _("Analysis of pictures requested again")),
    Event("pictures.distinct", _("Pictures marked as distinct")),
    Event("pictures.withdrawn", _("Mark of distinct pictures withdrawn")),
    Event("documents.requested", _("Reading of documents requested")),
    Event("albums.reassembled", _("Assembly of albums requested again")),
    Event("articles.requested", _("Fetching of articles requested")),
    Event("following.started", _("Following of links started")),
    Event("following.ended", _("Following of links ended")),
    Event("reanalysis.started", _("Reanalysis of posts started")),
    Event("reanalysis.ended", _("Reanalysis of posts requested")),
    Event("saved_search.saved", _("Search saved")),
    Event("saved_search.changed", _("Saved search changed")),
    Event("saved_search.deleted", _("Saved search deleted")),
    Event("tag.added", _("Tag added to a post")),
    Event("tag.removed", _("Tag removed from a post")),
    Event("tags.accepted", _("Proposed tags accepted")),
    Event("tags.dropped", _("Proposed tags dropped")),
    Event("tags.merged", _("Tags merged")),
    Event("tag_rule.made", _("Rule for tags made")),
    Event("tag_rule.deleted", _("Rule for tags deleted")),
    Event("tag_rule.wanted", _("Rule for tags being applied to posts")),
    Event("tag_rule.applied", _("Rule for tags applied to posts")),
    Event("retagging.started", _("Retagging of posts started")),
    Event("retagging.ended", _("Retagging of posts ended")),
    Event("question.asked", _("Question answered by a provider")),
)

EVENTS = {event.code: event for event in _DECLARED}


def find(code: str) -> Event:
    """Find an event by its code; raises EventUnknown."""
    try:
        return EVENTS[code]
    except KeyError:
        raise EventUnknown(code) from None
