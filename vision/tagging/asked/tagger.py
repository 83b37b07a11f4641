"""The port over answers that were asked for before: no call is made while rows are locked."""

from dataclasses import replace
from typing import Final

from vision.tagging.asked.kept import Answers
from vision.tagging.asked.question import digest_of, is_worth_asking
from vision.tagging.local import LocalTagger
from vision.tagging.port import PROVIDER, Material, Tagged

CHANGED: Final = "changed_meanwhile"
"""The post became another one each time while it was asked about."""


class AskedTagger:
    """What was answered; where nothing was, what the local tagger finds, with the reason."""

    name = PROVIDER

    def __init__(self, answers: Answers, local: LocalTagger, *, model: str) -> None:
        self.model = model
        self._answers, self._local = answers, local

    def find(self, material: Material) -> Tagged:
        if not is_worth_asking(material, min_chars=self._local.min_chars):
            return self._local.find(material)
        question = digest_of(material)
        given = self._answers.given.get(question)
        if given is not None:
            return given
        found = self._local.find(material)
        reason = found.reason or self._answers.missed.get(question, CHANGED)
        return replace(found, reason=reason)
