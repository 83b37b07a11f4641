"""The provider that needs no account and no tokens: Tesseract, through pytesseract."""

import os
import re
import tempfile
from collections import ChainMap
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from PIL import Image
from pytesseract import Output
from pytesseract import pytesseract as tesseract

from events.errors import DomainError
from media.imaging import DEFAULT_MAX_PIXELS, ImageRefused, open_upright
from vision.providers import ocr_picture, ocr_text
from vision.providers.ocr_text import Word
from vision.providers.port import Analysis, ClassificationType, OcrText, ProviderRefused

DEFAULT_LANGUAGES = "rus+eng"
DEFAULT_TIMEOUT_SECONDS = 60.0
ENGINE = "tesseract"

DOCUMENT_LINES = 8
DOCUMENT_CHARS = 500
DESCRIPTION_CHARS = 160

_WEAK = 75.0
"""Below this mean confidence a picture may get a second look; 30 of 33 known texts are above it."""
_UPSIDE_DOWN = 65.0
_UPSIDE_DOWN_WORDS = 12
"""An upside-down page gives many words at a mean of 58; noise gives few."""
_MEME_CHARS = 200
_CLOCK = re.compile(r"^\W*\d{1,2}:\d{2}\b")
_MEME = re.compile(
    r"\b(мем(ы|а|ов|ом|ас|асик)?|кек|лол|рофл|никто:|когда (ты|вы|не|твой|твоя|мама|препод)"
    r"|memes?|lol|lmao|nobody:|when you|this is fine|one does not simply|change my mind"
    r"|gonna have a bad time|y u no|such wow)(?!\w)",
    re.IGNORECASE,
)

# One thread per child: several pictures at once use the cores better than OpenMP does. A view
# that only pytesseract's children get, so that no thread ever has to write to os.environ.
tesseract.environ = ChainMap({"OMP_THREAD_LIMIT": "1"}, os.environ)


class TesseractMissing(DomainError):
    """The machine cannot read text: the program or its language data are not installed."""

    code: ClassVar[str] = "tesseract_missing"
    http_status: ClassVar[int] = 503


@dataclass(frozen=True, slots=True)
class Reading:
    """The text of one picture and the words it is made of; empty where there is none."""

    text: str
    words: tuple[Word, ...]

    @property
    def confidence(self) -> float:
        return ocr_text.mean_confidence(self.words) / 100


class TesseractOcr:
    """
    Reads text, spends no tokens. Safe to share between threads.

    One Tesseract run per picture; a second one only where the first saw next to nothing
    although the picture looks like a captioned or an upside-down one.
    """

    name: str = "ocr_fallback"

    def __init__(
        self,
        *,
        languages: str = DEFAULT_LANGUAGES,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        """Raises TesseractMissing where the program or one of `languages` is not installed."""
        version = _installed_version(languages)
        self.model = f"tesseract-{version}-{languages}"
        self._languages = languages
        self._timeout_seconds = timeout_seconds
        self._max_pixels = max_pixels

    def analyze(self, image: bytes, *, mime: str, prompt: str, now: datetime) -> Analysis:
        """`prompt` is ignored. A picture that times out once would again, so it is refused."""
        try:
            picture = open_upright(image, max_pixels=self._max_pixels)
        except ImageRefused as exc:
            raise ProviderRefused(exc.reason, str(exc)) from exc
        reading = self.recognize(picture)
        is_meme = _is_meme(reading.text)
        return Analysis(
            provider="ocr_fallback",
            model=self.model,
            classification=_classify(reading.text, is_meme=is_meme),
            description=_describe(reading.text),
            is_meme=is_meme,
            ocr=_ocr_text(reading),
            analyzed_at=now,
        )

    def recognize(self, picture: Image.Image) -> Reading:
        """The text of a picture in mode L or RGB."""
        seen = self._look(ocr_picture.first_look(picture))
        words = ocr_text.readable(seen)
        again = _second_look(picture, seen)
        if again is not None:
            words = max(words, ocr_text.readable(self._look(again)), key=ocr_text.weight)
        return Reading(ocr_text.layout(words), tuple(words))

    def _look(self, gray: Image.Image) -> list[Word]:
        """An uncompressed file: re-encoding as PNG would cost more than all of our Python."""
        with tempfile.TemporaryDirectory(prefix="ocr_") as folder:
            path = Path(folder, "picture.pnm")
            gray.save(path, "PPM")
            return ocr_text.parse(self._run(path))

    def _run(self, path: Path) -> str:
        try:
            tsv: str = tesseract.image_to_data(
                str(path),
                lang=self._languages,
                output_type=Output.STRING,
                timeout=self._timeout_seconds,
            )
        except tesseract.TesseractNotFoundError as exc:
            raise _not_installed() from exc
        except tesseract.TesseractError as exc:
            raise ProviderRefused("tesseract_failed", exc.message) from exc
        except RuntimeError as exc:  # pytesseract has no class of its own for a timeout
            raise ProviderRefused("timeout", f"more than {self._timeout_seconds} s") from exc
        return tsv


def _installed_version(languages: str) -> str:
    try:
        version = tesseract.get_tesseract_version()
        installed = tesseract.get_languages()
    except tesseract.TesseractNotFoundError as exc:
        raise _not_installed() from exc
    missing = [language for language in languages.split("+") if language not in installed]
    if missing:
        packages = " ".join(f"tesseract-ocr-{language}" for language in missing)
        raise TesseractMissing(
            f"no Tesseract language data for {', '.join(missing)}: apt-get install {packages}"
        )
    return str(version)


def _not_installed() -> TesseractMissing:
    return TesseractMissing(
        "tesseract is not installed or not in PATH: "
        "apt-get install tesseract-ocr tesseract-ocr-rus tesseract-ocr-eng"
    )


def _second_look(picture: Image.Image, seen: list[Word]) -> Image.Image | None:
    """What to show Tesseract once more, if the first look makes that worth while."""
    confidence = ocr_text.mean_confidence(seen)
    if confidence >= _WEAK:
        return None
    caption = ocr_picture.caption(picture)
    if caption is None and confidence < _UPSIDE_DOWN and len(seen) >= _UPSIDE_DOWN_WORDS:
        return ocr_picture.upside_down(picture.convert("L"))
    return caption


def _is_meme(text: str) -> bool:
    return len(text) <= _MEME_CHARS and _MEME.search(text) is not None


def _classify(text: str, *, is_meme: bool) -> ClassificationType:
    """By text alone, which is all that OCR knows; a first line with a clock is a status bar."""
    if is_meme:
        return "meme"
    if _CLOCK.match(text):
        return "screenshot"
    lines = sum(1 for line in text.splitlines() if line.strip())
    is_long = lines >= DOCUMENT_LINES or len(text) > DOCUMENT_CHARS
    return "document" if is_long else "other"


def _describe(text: str) -> str:
    if not text:
        return "Изображение без читаемого текста"
    start = f"Текст на изображении: {' '.join(text.split())}"
    return start if len(start) <= DESCRIPTION_CHARS else f"{start[: DESCRIPTION_CHARS - 1]}…"


def _ocr_text(reading: Reading) -> OcrText | None:
    if not reading.text:
        return None
    confidence = round(reading.confidence, 3)
    return OcrText(
        text=reading.text, engine=ENGINE, confidence=confidence, words=len(reading.words)
    )
