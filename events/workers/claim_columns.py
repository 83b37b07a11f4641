"""The columns by which a row of any room names the worker that has it in hand."""

from django.db.models import Q


def claim_is_whole() -> Q:
    """Return the condition that `claim_id` and `claimed_by` stand exactly where `state` is claimed."""
    return Q(
        state="claimed",
        claim_id__isnull=False,
        claimed_by__isnull=False,
        claimed_until__isnull=False,
    ) | (~Q(state="claimed") & Q(claim_id__isnull=True, claimed_by__isnull=True))
