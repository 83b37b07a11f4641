"""Fields of requests that several rooms use."""

import re
from datetime import UTC
from typing import Any, Final

from rest_framework import serializers

_BLANK_FOR_PLUS: Final = re.compile(r"(T[\d:.]+) (\d\d:?\d\d)")


class MomentField(serializers.DateTimeField):
    """
    A time in a query string; without a time zone, in the server's.

    An unescaped plus of `+03:00` arrives as a blank: both are accepted.
    """

    def to_internal_value(self, value: Any) -> Any:
        text = _BLANK_FOR_PLUS.sub(r"\1+\2", value) if isinstance(value, str) else value
        try:
            return super().to_internal_value(text).astimezone(UTC)
        except OverflowError:
            self.fail("overflow")
