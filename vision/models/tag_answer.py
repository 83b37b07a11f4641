"""Answers of a paid tagger: one row for each question, so that nothing is paid for twice."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.tenant_rows import TenantRows
from media.models import Post


class TagAnswerState(models.TextChoices):
    WAITING = "waiting", pgettext_lazy("answer", "waiting")
    GIVEN = "given", pgettext_lazy("answer", "given")
    USELESS = "useless", pgettext_lazy("answer", "useless")


class TagAnswer(models.Model):
    """
    What the tagger `model` answered about a question; `question` is the SHA-256 of what it was told.

    The same words in two posts of a tenant are one question, of the post that asked first; the answer
    outlives that post. `tags`
    are objects with name, category and confidence. USELESS: it was paid for and is no answer, see
    `reason`; nobody asks again. `attempts` are the calls without an answer since somebody gave up.
    """

    tenant_path: ClassVar = "tenant"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # tag_answer_once begins with it
        verbose_name=_("tenant"),
    )
    post = models.ForeignKey(
        Post,
        on_delete=models.SET_NULL,
        null=True,
        related_name="tag_answers",
        verbose_name=_("post"),
    )
    question = models.CharField(_("question"), max_length=64)
    model = models.CharField(_("model"), max_length=100)
    state = models.CharField(
        _("state"), max_length=8, choices=TagAnswerState.choices, default=TagAnswerState.WAITING
    )
    tags = models.JSONField(_("tags"), default=list, blank=True)
    reason = models.CharField(_("reason"), max_length=50, blank=True, default="")
    attempts = models.PositiveIntegerField(_("calls without an answer"), default=0)
    tokens = models.BigIntegerField(_("tokens"), default=0)
    seconds = models.FloatField(_("seconds"), null=True, blank=True)
    asked_at = models.DateTimeField(_("asked at"))

    objects = TenantRows()

    class Meta:
        db_table = "tag_answers"
        verbose_name = _("answer of a tagger")
        verbose_name_plural = _("answers of taggers")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "model", "question"], name="tag_answer_once"),
            models.CheckConstraint(
                condition=Q(state__in=TagAnswerState.values), name="tag_answer_state_known"
            ),
            models.CheckConstraint(
                condition=Q(question__regex=r"^[0-9a-f]{64}$"), name="tag_answer_question_hex"
            ),
            models.CheckConstraint(condition=Q(tokens__gte=0), name="tag_answer_tokens_positive"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-asked_at", "id"], name="idx_tag_answer_newest"),
            # What a call costs is learned from the last ones; what failed lately is told by doctor.
            models.Index(fields=["model", "-asked_at"], name="idx_tag_answer_of_model"),
        ]

    def __str__(self) -> str:
        return f"{self.question[:12]} {self.model}"
