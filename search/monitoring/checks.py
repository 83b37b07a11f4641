"""System checks: whether the encoder of the settings can be one, as far as that shows without asking it."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core import checks

from events.management.json_command import CONFIGURATION
from events.outbound import OddHost, purposes
from events.sentences import Sentence
from events.sentences import gettext_noop as _

_NO_MODEL = Sentence(_("%(folder)s has no model.onnx"))


@checks.register(CONFIGURATION)
def encoder_is_usable(**_options: Any) -> list[checks.CheckMessage]:
    return [
        checks.Error(text, id="search.E001", hint=hint)
        for text, hint in problems(settings.SEARCH, settings.GIGACHAT)
    ]


def problems(search: Any, gigachat: Any) -> Iterator[tuple[str, str]]:
    """Yield what is wrong, with what to do about it."""
    if search.encoder == "gigachat" and not gigachat.configured:
        yield (
            _("SEARCH_ENCODER is gigachat, and GigaChat is not configured"),
            _("set GIGACHAT_CREDENTIALS"),
        )
    if search.encoder == "openai":
        yield from _of_the_address(search)
    if search.encoder == "fastembed":
        yield from _of_the_folder(search)


def _of_the_address(search: Any) -> Iterator[tuple[str, str]]:
    try:
        purposes.encoder(search.openai_url, seconds=1, has_key=False)
    except OddHost as odd:
        yield f"SEARCH_OPENAI_URL: {odd}", _("such as http://127.0.0.1:11434/v1")


def _of_the_folder(search: Any) -> Iterator[tuple[str, str]]:
    if find_spec("fastembed") is None:
        yield (
            _("SEARCH_ENCODER is fastembed, and the package is not installed"),
            "pip install -r requirements/fastembed.txt",
        )
    files = ("model.onnx", "onnx/model.onnx")
    if not any((search.fastembed_folder / name).is_file() for name in files):
        no_model = _NO_MODEL % {"folder": search.fastembed_folder}
        yield no_model, _("check SEARCH_FASTEMBED_FOLDER")
