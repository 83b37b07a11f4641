"""Labels of the console's forms begin alike."""

from typing import Any

from django.contrib.admin.options import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst


class CapitalLabels(ModelAdmin[Any]):
    """Begins every label with a capital letter: Django does so for columns, not for other fields."""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *rest: Any, **more: Any
    ) -> HttpResponse:
        for field in context["adminform"].form.fields.values():
            field.label = capfirst(field.label)
        return super().render_change_form(request, context, *rest, **more)
