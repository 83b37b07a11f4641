"""The console's page of API tokens."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from rest_framework.authtoken.admin import TokenAdmin
from rest_framework.authtoken.models import TokenProxy

from accounts.models import User

SHOWN_CHARS = 4

admin.site.unregister(TokenProxy)


@admin.register(TokenProxy)
class ApiTokenAdmin(TokenAdmin):
    """
    DRF's page of tokens, changed to keep keys out of lists, messages and the action log.

    Keys are stored in plain text, so whoever may see one may use it: superusers see all keys,
    other operators their own keys and those of users who are not operators.
    """

    list_display = ("user", "ending", "created")
    fields = ("user", "key", "created")
    readonly_fields = ("key", "created")
    list_select_related = ("user",)

    @admin.display(description=_("key"))
    def ending(self, token: TokenProxy) -> str:
        return f"…{token.key[-SHOWN_CHARS:]}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[TokenProxy]:
        tokens = super().get_queryset(request)
        if request.user.is_superuser:
            return tokens
        return tokens.filter(Q(user=request.user.pk) | Q(user__is_staff=False))

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if not request.user.is_superuser:
            kwargs["queryset"] = User.objects.filter(Q(pk=request.user.pk) | Q(is_staff=False))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def response_add(
        self, request: HttpRequest, obj: TokenProxy, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Redirect to the page that shows the key; a message would put it into a cookie."""
        self.message_user(request, _("The token is made: copy its key from here."))
        return HttpResponseRedirect(reverse("admin:authtoken_tokenproxy_change", args=[obj.pk]))

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        return super().response_delete(request, str(_("of the API")), obj_id)

    def log_addition(self, request: HttpRequest, obj: TokenProxy, message: Any) -> LogEntry:
        return _log(request, obj, ADDITION)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> list[LogEntry]:
        return [_log(request, token, DELETION) for token in queryset]


def _log(request: HttpRequest, token: TokenProxy, action: int) -> LogEntry:
    return LogEntry.objects.create(
        user_id=int(request.user.pk or 0),
        content_type=ContentType.objects.get_for_model(token, for_concrete_model=False),
        object_id=str(token.pk),
        object_repr=str(token.user),
        action_flag=action,
    )
