"""Find a name in a folder whatever its normal form in Unicode."""

import os
from collections.abc import Iterable
from pathlib import Path
from unicodedata import normalize

_Names = dict[str, list[str]]


class NamesOfFolders:
    """Names by their normal forms. A folder is listed again when its time of change is another."""

    def __init__(self) -> None:
        self._listed: dict[str, tuple[int, _Names, _Names]] = {}

    def in_folder(self, folder: str, name: str) -> str:
        """
        The name of an entry that is the same but for its normal form; `name` if there is none.

        It is always an entry of `folder` itself, so that nothing leads out of it. Equal in NFC is
        the same name. In the lossy form NFKC, which makes ² of 2, it counts only where it is
        the one such entry.
        """
        if name.isascii() or os.path.lexists(f"{folder}/{name}"):
            return name
        try:
            canonical, lossy = self._names(folder)
        except OSError:
            return name
        same = canonical.get(normalize("NFC", name)) or lossy.get(normalize("NFKC", name), [])
        return same[0] if len(same) == 1 else name

    def _names(self, folder: str) -> tuple[_Names, _Names]:
        changed_at = Path(folder).lstat().st_mtime_ns
        listed = self._listed.get(folder)
        if listed is None or listed[0] != changed_at:
            names = sorted(entry.name for entry in Path(folder).iterdir())
            listed = changed_at, _by_form("NFC", names), _by_form("NFKC", names)
            self._listed[folder] = listed
        return listed[1], listed[2]


def _by_form(form: str, names: Iterable[str]) -> _Names:
    found: _Names = {}
    for name in names:
        found.setdefault(normalize(form, name), []).append(name)  # type: ignore[arg-type]
    return found
