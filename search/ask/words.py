"""The outcomes of questions in the words of people."""

from typing import Final

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from search.ask.answer import Answer, Reason, Status

_REASONS: Final[dict[Reason, StrPromise]] = {
    Reason.ANSWERS_OFF: _("Answers are turned off. These posts may help:"),
    Reason.NOT_CONFIGURED: _("No provider of answers is configured. These posts may help:"),
    Reason.NOT_ALLOWED: _("Your role may not spend tokens on answers. These posts may help:"),
    Reason.NO_TOKENS: _("There are no tokens left for an answer. These posts may help:"),
    Reason.PAUSED: _("The provider of answers is left alone for now. These posts may help:"),
    Reason.BUSY: _("The provider of answers did not answer in time. These posts may help:"),
    Reason.FAILED: _("The provider of answers failed. These posts may help:"),
    Reason.REFUSED: _("The provider does not talk about this. These posts may help:"),
}


def outcome(answer: Answer) -> str:
    """Say what came of a question; empty where it is answered."""
    if answer.status is Status.ANSWERED:
        return ""
    if answer.reason:
        return str(_REASONS[answer.reason])
    if answer.passages:
        return str(_("The archive does not know. The nearest posts are:"))
    return str(_("The archive does not know."))
