"""Find the JSON file of an export; every refusal says what to do about it."""

import stat
from pathlib import Path

from events.sentences import gettext_noop as _
from media.sources.port import SourceRefused

RESULT = "result.json"
_HTML_PAGES = ("messages.html", "export_results.html")

AS_JSON = _('Export the chat again and choose "Machine-readable JSON" as the format')


def locate(path: Path) -> Path:
    """Return the JSON file of the folder, or `path` itself. Raises SourceRefused."""
    try:
        return _result_in(path) if path.is_dir() else _checked(path)
    except OSError as exc:
        raise SourceRefused(
            Path(exc.filename or path),
            _("cannot be read: %(error)s."),
            {"error": str(exc.strerror or exc)},
        ) from exc


def _result_in(folder: Path) -> Path:
    result = folder / RESULT
    if result.is_symlink():
        raise SourceRefused(result, _("is a symbolic link; put the file itself there."))
    if result.exists():
        return _checked(result)
    if any((folder / page).exists() for page in _HTML_PAGES):
        raise SourceRefused(folder, _("is an export as HTML. %(advice)s."), {"advice": AS_JSON})
    nested = sorted(found.parent.name for found in folder.glob(f"*/{RESULT}"))
    text = _("contains no %(name)s: give the folder that Telegram Desktop wrote.")
    if not nested:
        raise SourceRefused(folder, text, {"name": RESULT})
    text = _(
        "contains no %(name)s: give the folder that Telegram Desktop wrote. Did you mean %(other)s?"
    )
    raise SourceRefused(folder, text, {"name": RESULT, "other": str(folder / nested[0])})


def _checked(file: Path) -> Path:
    if not file.exists():
        raise SourceRefused(file, _("does not exist."))
    if not stat.S_ISREG(file.stat().st_mode):
        raise SourceRefused(file, _("is not a regular file."))
    if file.suffix.lower() in (".html", ".htm"):
        raise SourceRefused(file, _("is HTML. %(advice)s."), {"advice": AS_JSON})
    if file.suffix.lower() != ".json":
        raise SourceRefused(file, _("is not a .json file; unpack the export and give its folder."))
    if file.stat().st_size == 0:
        raise SourceRefused(file, _("is empty; export the chat again."))
    with file.open(
        "rb"
    ):  # opened once, so that a file that may not be read is refused before the import
        return file
