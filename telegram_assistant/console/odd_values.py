"""
Answers values in the console's addresses that no row can have: pasted links and crawlers bring them.

PostgreSQL has no text with a NUL, and neither it nor Python has dates of every year. Django finds
that out only when the query runs, where it takes the exception for a failure of the server.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext as _

IMPOSSIBLE: Final = (ValueError, OverflowError, DataError, RuntimeWarning)
"""
What Django, Python and PostgreSQL raise for values that cannot be compared with any row's. Django
only warns of a date without a time zone: an exception where warnings are errors.
"""

View = Callable[..., HttpResponseBase]


class CookiesWithoutNul:
    """Forget cookies with a NUL, which none of ours has. Must come before the session's middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        for name in [name for name, value in request.COOKIES.items() if "\0" in value]:
            del request.COOKIES[name]
        return self._get_response(request)


class OddValuesAnswered:
    """Part of every page of the console: such values are the same to it as other wrong ones."""

    model: Any

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Build the list, which runs its queries; Django then shows it anew with `?e=1`."""
        try:
            return super().get_changelist_instance(request)  # type: ignore[misc]
        except IMPOSSIBLE as error:
            if not request.GET:
                raise  # the address is not to blame
            raise IncorrectLookupParameters from error

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Return the row, or None, as for any other id that no row has."""
        try:
            return super().get_object(request, object_id, from_field)  # type: ignore[misc]
        except IMPOSSIBLE:
            return None

    def response_action(self, request: HttpRequest, queryset: Any) -> Any:
        """Refuse an action on ids that no row can have, before any query is made of them."""
        if all(map(self._is_possible, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            return super().response_action(request, queryset)  # type: ignore[misc]
        messages.warning(request, _("There are no such rows."))
        return HttpResponseRedirect(request.get_full_path())

    def _is_possible(self, chosen: str) -> bool:
        try:
            self.model._meta.pk.to_python(chosen)  # noqa: SLF001 - Django's public name for it
        except (ValidationError, *IMPOSSIBLE):
            return False
        return "\0" not in chosen


def not_found_for_odd_values(view: View) -> View:
    """Answer 404 where a page was only asked for, and the database cannot have what it names."""

    @wraps(view)  # with its marks: whether it is exempt from the protection against CSRF
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except (DataError, ValidationError) as error:
            if request.method not in {"GET", "HEAD"}:
                raise
            raise Http404(str(error)) from error

    return answered
