"""What lists say as long as nothing was imported."""

from typing import Any, Final

from django.utils.translation import gettext_lazy as _

IMPORT_FIRST: Final[Any] = _(
    "Nothing was imported yet. Import an export of Telegram Desktop (manage.py import_export FOLDER),"
    " or add a channel that is read from Telegram."
)
