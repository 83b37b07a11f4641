"""The API's answers as pages, for a browser that asks for one."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BrowsableAPIRenderer

from telegram_assistant.security.content_policy import STYLE_ATTRIBUTES


class BrowsableAPI(BrowsableAPIRenderer):
    """DRF's pages, whose templates write `style="…"`."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> Any:
        if renderer_context and (response := renderer_context.get("response")):
            response._csp_update = STYLE_ATTRIBUTES  # noqa: SLF001 - as django-csp's decorators do
        return super().render(data, accepted_media_type, renderer_context)

    def get_context(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Leave out the <style> of pygments, which is for code that no description of ours has."""
        return {**super().get_context(*args, **kwargs), "code_style": ""}
