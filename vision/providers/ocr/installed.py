"""Whether Tesseract and its languages are installed; asked at many starts, without pytesseract."""

import subprocess
from typing import ClassVar, Final

from events.errors import DomainError
from events.sentences import Sentence
from events.sentences import gettext_noop as _

PROGRAM: Final = "tesseract"
SECONDS: Final = 30
"""The program answers within hundredths of a second; a host that swaps may take longer."""
_NO_DATA: Final = Sentence(
    _("no Tesseract language data for %(languages)s: apt-get install %(packages)s")
)


class TesseractMissing(DomainError):
    """Tesseract or its language data are not installed."""

    code: ClassVar[str] = "tesseract_missing"
    http_status: ClassVar[int] = 503


def require(languages: str, *, program: str = PROGRAM) -> None:
    """Raise TesseractMissing where the program or one of `languages`, such as `rus+eng`, is not there."""
    installed = _languages(program)
    if missing := [language for language in languages.split("+") if language not in installed]:
        packages = " ".join(f"tesseract-ocr-{language}" for language in missing)
        lacking = {"languages": ", ".join(missing), "packages": packages}
        raise TesseractMissing(_NO_DATA % lacking)


def not_installed() -> TesseractMissing:
    return TesseractMissing(
        _(
            "tesseract is not installed or not in PATH: "
            "apt-get install tesseract-ocr tesseract-ocr-rus tesseract-ocr-eng"
        )
    )


def _languages(program: str) -> list[str]:
    """Names of the languages; the first line of what the program says is a heading."""
    try:
        said = subprocess.run(  # noqa: S603 - a program of this host, without a shell
            [program, "--list-langs"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=SECONDS, check=False,
        )  # fmt: skip
    except OSError as error:
        raise not_installed() from error
    return said.stdout.decode(errors="replace").split("\n")[1:]
