"""A form that was opened before the row was changed elsewhere, and is saved after that."""

from typing import Any, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

Row = TypeVar("Row", bound=models.Model)


class MindsOthers(forms.ModelForm[Row]):
    """
    Writes only what was changed in this form, and refuses what somebody else changed meanwhile.

    Without that, a form writes each value that it showed when it was opened: an account that one
    superuser closed would be open again after another one corrected its address.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = not field.disabled

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        mine = set(self.changed_data)
        for name in [name for name in data if self._is_other_now(name)]:
            if name in mine:
                self.add_error(name, ValidationError(CHANGED, code="changed_meanwhile"))
            else:
                data[name] = getattr(self.instance, name)
        return data

    def _is_other_now(self, name: str) -> bool:
        """Whether the row has another value than the form showed; no, where it does not say which."""
        bound = self[name]
        widget = bound.field.hidden_widget()
        shown = widget.value_from_datadict(self.data, self.files, bound.html_initial_name)
        if widget.value_omitted_from_data(self.data, self.files, bound.html_initial_name):
            return False
        return bound.field.has_changed(bound.initial, shown)


CHANGED = _(
    "This was changed meanwhile, by somebody else or in another tab. Open the page again to see it."
)
