"""TesseractOcr: the provider that needs no account and no tokens, through pytesseract."""

import logging
import os
import re
import tempfile
import time
from collections import ChainMap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from PIL import Image
from pytesseract import Output
from pytesseract import pytesseract as tesseract

from media.imaging import DEFAULT_MAX_PIXELS, ImageRefused, open_on_grounds
from vision.providers.ocr import attempts, grounds, strips, warm
from vision.providers.ocr import text as ocr_text
from vision.providers.ocr.installed import PROGRAM, not_installed, require
from vision.providers.ocr.text import OcrWord
from vision.providers.port import Analysis, ClassificationType, OcrText, ProviderRefused

logger = logging.getLogger(__name__)

DEFAULT_LANGUAGES = "rus+eng"
DEFAULT_TIMEOUT_SECONDS = 60.0
ENGINE = "tesseract"
TIMEOUT = "timeout"

DOCUMENT_LINES = 8
DOCUMENT_CHARS = 500
DESCRIPTION_CHARS = 160

RUNS = 5
"""Runs that one picture is granted the time of; a long picture may have more of them."""
_MEME_CHARS = 200
_CLOCK = re.compile(r"^\W*\d{1,2}:\d{2}\b")
_MEME = re.compile(
    r"\b(мем(ы|а|ов|ом|ас|асик)?|кек|лол|рофл|никто:|когда (ты|вы|не|твой|твоя|мама|препод)"
    r"|memes?|lol|lmao|nobody:|when you|this is fine|one does not simply|change my mind"
    r"|gonna have a bad time|y u no|such wow)(?!\w)",
    re.IGNORECASE,
)

# One thread per child process: several pictures in parallel use the cores better than OpenMP does.
# A ChainMap, because pytesseract hands this mapping to its children: os.environ stays untouched.
tesseract.environ = ChainMap({"OMP_THREAD_LIMIT": "1"}, os.environ)


@dataclass(frozen=True, slots=True)
class OcrReading:
    """The text of one picture and the words it consists of; both empty where there is no text."""

    text: str
    words: tuple[OcrWord, ...]
    is_partial: bool = False
    """A strip of a long picture took too long: its text is missing, if it has any."""

    @property
    def confidence(self) -> float:
        return ocr_text.mean_confidence(self.words) / 100


class TesseractOcr:
    """
    Recognizes text with Tesseract. Safe to share between threads.

    Tesseract runs once per picture, and again only where that gave little (`attempts`), where the
    picture is longer than Tesseract takes (`strips`), or transparent with light and dark letters
    (`grounds`).
    """

    name: str = "ocr_fallback"

    def __init__(
        self,
        *,
        languages: str = DEFAULT_LANGUAGES,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        """Raise TesseractMissing where the program or one of `languages` is not installed."""
        version = _installed_version(languages)
        self.model = f"tesseract-{version}-{languages}"
        self._languages = languages
        self._timeout_seconds = timeout_seconds
        self._max_pixels = max_pixels
        self._readers = warm.Readers(
            languages=languages, version=version, environ=tesseract.environ
        )

    def analyze(self, image: bytes, *, mime: str, prompt: str, now: datetime) -> Analysis:
        """Analyze one picture; `prompt` is ignored. A timeout is a refusal: it would recur."""
        try:
            reading = self._recognize(open_on_grounds(image, max_pixels=self._max_pixels))
        except ImageRefused as exc:
            raise ProviderRefused(exc.reason, str(exc)) from exc
        is_meme = _is_meme(reading.text)
        return Analysis(
            provider="ocr_fallback",
            model=self.model,
            classification=_classify(reading.text, is_meme=is_meme),
            description=_describe(reading),
            is_meme=is_meme,
            ocr=_ocr_text(reading),
            analyzed_at=now,
        )

    def recognize(self, picture: Image.Image) -> OcrReading:
        """Recognize the text of a picture in mode L or RGB."""
        return self._recognize([picture])

    def _recognize(self, pictures: Iterable[Image.Image]) -> OcrReading:
        """Recognize the text of one picture, which may be given on several grounds."""
        missed: list[ProviderRefused] = []
        until = time.monotonic() + RUNS * self._timeout_seconds
        find = partial(self._find_words, until=until, missed=missed)
        words = grounds.joined([attempts.best_of(picture, find) for picture in pictures])
        if missed and not words:
            raise missed[0]
        return OcrReading(ocr_text.layout(words), tuple(words), is_partial=bool(missed))

    def _find_words(
        self, picture: Image.Image, *, until: float, missed: list[ProviderRefused]
    ) -> list[OcrWord]:
        """Find the words of a picture of any length; `missed` gets the timeouts of its strips."""
        if not strips.is_too_long(picture):
            return self._run_on(picture, until=until)

        def find(strip: Image.Image) -> list[OcrWord]:
            try:
                return self._run_on(strip, until=until)
            except ProviderRefused as exc:
                if exc.reason != TIMEOUT:
                    raise
                missed.append(exc)
                return []

        return strips.read(picture, find)

    def _run_on(self, picture: Image.Image, *, until: float) -> list[OcrWord]:
        """Run Tesseract on the picture and parse its words."""
        tsv = self._ask_reader(picture, until=until)
        if tsv is not None:
            return ocr_text.parse(tsv)
        with tempfile.TemporaryDirectory(prefix="ocr_") as folder:
            path = Path(folder, "picture.pnm")
            picture.save(path, "PPM")  # uncompressed: PNG costs more time than all of our Python
            return ocr_text.parse(self._run(path, until=until))

    def _ask_reader(self, picture: Image.Image, *, until: float) -> str | None:
        """Have the library read the picture; None where the program has to, or can say what is wrong."""
        # A program of a name of its own is not what the library belongs to.
        is_ours = tesseract.tesseract_cmd == PROGRAM
        if not (is_ours and self._readers.is_usable and picture.mode in warm.CHANNELS):
            return None
        try:
            return self._readers.tsv(picture, seconds=self._seconds_left(until))
        except warm.ReaderTimeout as exc:
            raise ProviderRefused(TIMEOUT, str(exc)) from exc
        except warm.ReaderLost as exc:
            logger.warning("The program of Tesseract is run: %s", exc, exc_info=exc)
            return None

    def _seconds_left(self, until: float) -> float:
        seconds = min(self._timeout_seconds, until - time.monotonic())
        if seconds <= 0:
            raise ProviderRefused(TIMEOUT, f"more than {RUNS} × {self._timeout_seconds} s")
        return seconds

    def _run(self, path: Path, *, until: float) -> str:
        seconds = self._seconds_left(until)
        try:
            tsv: str = tesseract.image_to_data(
                str(path),
                lang=self._languages,
                output_type=Output.STRING,
                timeout=seconds,
            )
        except tesseract.TesseractNotFoundError as exc:
            raise not_installed() from exc
        except tesseract.TesseractError as exc:
            raise ProviderRefused("tesseract_failed", exc.message) from exc
        except RuntimeError as exc:  # pytesseract has no class of its own for a timeout
            raise ProviderRefused(TIMEOUT, f"more than {seconds:.1f} s") from exc
        return tsv


def _installed_version(languages: str) -> str:
    require(languages, program=tesseract.tesseract_cmd)
    return str(tesseract.get_tesseract_version())


def _is_meme(text: str) -> bool:
    return len(text) <= _MEME_CHARS and _MEME.search(text) is not None


def _classify(text: str, *, is_meme: bool) -> ClassificationType:
    """Classify by the text alone; a clock in the first line is a phone's status bar."""
    if is_meme:
        return "meme"
    if _CLOCK.match(text):
        return "screenshot"
    lines = sum(1 for line in text.splitlines() if line.strip())
    is_long = lines >= DOCUMENT_LINES or len(text) > DOCUMENT_CHARS
    return "document" if is_long else "other"


def _describe(reading: OcrReading) -> str:
    if not reading.text:
        return "Изображение без читаемого текста"
    limits = " (прочитан не весь)" if reading.is_partial else ""
    start = f"Текст на изображении{limits}: {' '.join(reading.text.split())}"
    return start if len(start) <= DESCRIPTION_CHARS else f"{start[: DESCRIPTION_CHARS - 1]}…"


def _ocr_text(reading: OcrReading) -> OcrText | None:
    if not reading.text:
        return None
    confidence = round(reading.confidence, 3)
    return OcrText(
        text=reading.text, engine=ENGINE, confidence=confidence, words=len(reading.words)
    )
