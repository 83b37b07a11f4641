"""A command about many posts is told which: by filters, or by --all, and never by both."""

import pytest
from django.core.management.base import CommandError
from django.utils.translation import override

from vision.management.post_filters import require_choice

FILTERS = ("tenant", "limit")


def options(*, tenant: str | None = None, every: bool = False) -> dict[str, object]:
    return {"tenant": tenant, "limit": None, "all": every}


def test_all_beside_a_filter_is_refused_for_what_it_is():
    """The refusal asked for the --all that was given."""
    with override("en"), pytest.raises(CommandError, match="either it or filters"):
        require_choice(options(tenant="news", every=True), FILTERS)


def test_neither_is_refused_and_either_passes():
    with override("en"), pytest.raises(CommandError, match="Give a filter for the posts, or"):
        require_choice(options(), FILTERS)
    require_choice(options(tenant="news"), FILTERS)
    require_choice(options(every=True), FILTERS)
