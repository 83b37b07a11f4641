"""Every page of the console shows and changes the rows that its user may, and no others."""

from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import ModelAdmin
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Field, ForeignKey, ManyToManyField, Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.forms import ModelChoiceField
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.access import Action
from accounts.permissions import table as permission_table

DELETE_SELECTED: Final = "delete_selected"


class TenantPages(ModelAdmin[Any]):
    """
    What `ConsoleSite` adds to the pages of every model, whoever wrote them.

    A row of which the user may not know is answered like one that does not exist. Actions get
    those of the chosen rows that the user may change.
    """

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        action = self._needed("view")
        if action is None:
            return rows if request.user.is_superuser else rows.none()
        return access.visible(rows, request.user, action)

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """
        Return the row, which nobody else writes until a form of it that is sent has been saved.

        A form is saved as a whole row: what an import, or another form, writes between its being
        read and its being saved would be taken back.
        """
        row = super().get_object(request, object_id, from_field)
        if row is None or not self._is_about_to_be_saved(request):
            return row
        rows = self.model._base_manager.filter(pk=row.pk)  # noqa: SLF001 - Django's public name for it
        list(rows.select_for_update(no_key=True).values_list("pk"))
        return super().get_object(request, object_id, from_field)

    def _is_about_to_be_saved(self, request: HttpRequest) -> bool:
        from accounts.admin.meanwhile import MindsOthers  # noqa: PLC0415 - late: its pages need ours

        is_sent = request.method == "POST" and connection.in_atomic_block
        return is_sent and issubclass(self.form, MindsOthers)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_view_permission(request, obj) and self._may("view", request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._may("change", request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self._may("delete", request, obj)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *rest: Any
    ) -> HttpResponse | None:
        """Hand the action only rows that may be changed; without any, it is not begun."""
        name = request.POST.get("action", "")
        action = self._needed("delete") if name == DELETE_SELECTED else Action.OPERATE
        if action is None and not request.user.is_superuser:
            raise PermissionDenied
        allowed = access.visible(queryset, request.user, action or Action.ADMINISTER)
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        is_all = request.POST.get("select_across") == "1"
        if chosen and not (allowed if is_all else allowed.filter(pk__in=chosen)).exists():
            messages.warning(request, _("There are no such rows."))
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, allowed, *rest)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *rest: Any, **more: Any
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, *rest, **more)
        except PermissionDenied as refusal:
            raise self._refused(request, object_id) from refusal

    def delete_view(
        self, request: HttpRequest, object_id: str, *rest: Any, **more: Any
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, *rest, **more)
        except PermissionDenied as refusal:
            raise self._refused(request, object_id) from refusal

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuse to count by columns that the page does not show, which Django would answer."""
        column = lookup.split(LOOKUP_SEP, maxsplit=1)[0]
        is_hidden = request and column in _columns(self.opts) and column not in self._shown(request)
        return not is_hidden and super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    def _shown(self, request: HttpRequest) -> set[str]:
        """Return the names of what the list, its filters and the pages of its rows show."""
        filters = (_parameter(one) for one in self.get_list_filter(request))
        fields = flatten_fieldsets(self.fieldsets or [(None, {"fields": self.fields or ()})])
        key = self.opts.pk.name if self.opts.pk else "pk"
        return {key, self.date_hierarchy or "", *filters, *self.get_list_display(request), *fields}

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer only rows that the user may see; the only one of them is chosen already."""
        offered = kwargs.get("queryset", db_field.remote_field.model._default_manager.all())  # noqa: SLF001
        kwargs["queryset"] = access.visible(offered, request.user)
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and field.required and len(only := kwargs["queryset"][:2]) == 1:
            field.initial = only[0].pk  # nobody has to choose among one
        return field

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponseBase:
        """Answer 404, where Django redirects to the first page with a message."""
        raise Http404(_("There is no such row."))

    def _refused(self, request: HttpRequest, object_id: str | None) -> Exception:
        """Return the 403; about a row of which the user may not know, the 404 of one that is not."""
        if object_id is None or self.get_object(request, unquote(object_id)) is not None:
            return PermissionDenied()
        return Http404(_("There is no such row."))

    def _needed(self, verb: str) -> Action | None:
        return permission_table.action_of(self._permission(verb))

    def _may(self, verb: str, request: HttpRequest, obj: Model | None) -> bool:
        return obj is None or request.user.has_perm(self._permission(verb), obj)

    def _permission(self, verb: str) -> str:
        return f"{self.opts.app_label}.{get_permission_codename(verb, self.opts)}"


def _columns(opts: Any) -> set[str]:
    """Return the names of the model's own columns, but for those that name another row by its id."""
    return {field.name for field in opts.concrete_fields if not field.is_relation}


def _parameter(filter_: Any) -> str:
    """Return how the address names a filter: by its column, or as it says itself."""
    named = filter_[0] if isinstance(filter_, list | tuple) else filter_
    return str(getattr(named, "parameter_name", named)).split(LOOKUP_SEP)[0]


class VisibleChoices(admin.RelatedFieldListFilter):
    """The filter by a related row, which names only rows that the user may see."""

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> list[tuple[str, Any]]:
        ordering = self.field_admin_ordering(field, request, model_admin)
        rows = access.visible(field.remote_field.model._default_manager.all(), request.user)  # noqa: SLF001
        return [(str(row.pk), str(row)) for row in rows.order_by(*ordering)]


def is_related(field: Field[Any, Any]) -> bool:
    return isinstance(field, ForeignKey | ManyToManyField)


admin.FieldListFilter.register(is_related, VisibleChoices, take_priority=True)
