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
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DataError, ProgrammingError, models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

IMPOSSIBLE: Final = (ValueError, OverflowError, DataError, RuntimeWarning)
"""
What Django, Python and PostgreSQL raise for values that cannot be compared with any row's. Django
only warns of a date without a time zone: an exception where warnings are errors.
"""

NOT_COMPARABLE: Final = {None, "42883", "42804", "42P18"}
"""
SQLSTATEs of a comparison that cannot be made: none where psycopg did not even send it; no such operator;
wrong type; type unknown. A missing table or column is none of them.
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
        if any(name.endswith("__range") for name in request.GET):
            raise IncorrectLookupParameters  # Django takes each letter of the text for a bound
        try:
            return super().get_changelist_instance(request)  # type: ignore[misc]
        except IMPOSSIBLE as error:
            if not request.GET:
                raise  # the address is not to blame
            raise IncorrectLookupParameters from error
        except ProgrammingError as error:
            if not request.GET or not _is_not_comparable(error):
                raise
            raise IncorrectLookupParameters from error

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the address fills in on the page of a new row, but what fields can take."""
        given = super().get_changeform_initial_data(request)  # type: ignore[misc]
        taken = {}
        for name, value in given.items():
            try:
                taken[name] = _taken(self.model, name, value)
            except (ValidationError, *IMPOSSIBLE):
                continue
        return taken

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


def _is_not_comparable(error: ProgrammingError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) in NOT_COMPARABLE


def _taken(model: type[models.Model], name: str, value: Any) -> Any:
    """
    Return the value as the field's widget takes it; times as such, as their widget takes no text.

    Raises ValidationError or one of IMPOSSIBLE for a value that the field cannot have.
    """
    try:
        field: Any = model._meta.get_field(name)  # noqa: SLF001 - Django's public name for it
    except FieldDoesNotExist:
        return value
    if field.auto_created and not field.concrete:
        raise ValidationError(name)  # rows that refer to this one: no field of its page
    checked = [_checked(field, one) for one in (value if field.many_to_many else [value])]
    if isinstance(field, models.DateTimeField):
        return _shown(checked[0])
    return value


def _checked(field: Any, value: Any) -> Any:
    """Return the value of a field, or of the key of a row, which the page looks up."""
    if not field.is_relation:
        return field.to_python(value)  # the rest is told to whoever saves it
    key = field.target_field.to_python(value)
    field.target_field.run_validators(key)
    return key


def _shown(at: Any) -> Any:
    """Return a time in the current zone, as widgets show it."""
    return timezone.make_naive(at) if at is not None and timezone.is_aware(at) else at


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
