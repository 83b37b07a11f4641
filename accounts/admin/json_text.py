"""JSON that people type into a form."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput


class JSONText(forms.JSONField):
    """
    A field of JSON that no text breaks: what cannot be stored or shown again is refused as it was typed.

    Such are values that are nested too deeply to be read, and halves of surrogate pairs.
    """

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and not _is_usable(value):
            raise ValidationError(self.error_messages["invalid"], "invalid", {"value": value})
        return super().to_python(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        if isinstance(data, str) and not _is_usable(data):
            return InvalidJSONInput(data)
        return super().bound_data(data, initial)


def _is_usable(text: str) -> bool:
    """Whether the text can be read and written as UTF-8; what is no JSON at all, Django refuses."""
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except json.JSONDecodeError:
        return True
    except (RecursionError, UnicodeEncodeError):
        return False
    return True
