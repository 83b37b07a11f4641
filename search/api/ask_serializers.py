"""Serializers of a question and of its answer."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.logs import trace
from search.api.serializers import ProblemSerializer
from search.ask.answer import Answer, Reason, Status
from search.ask.passages import Passage
from search.ask.words import outcome
from search.query.parse import MOST_CHARS


class AskSerializer(serializers.Serializer[Any]):
    """A question."""

    question = serializers.CharField(
        max_length=MOST_CHARS,
        help_text="in any words; conditions of the query language apply, such as channel:@durov",
    )
    tenant_id = serializers.UUIDField(
        required=False, help_text="whose archive is asked; without it all of the caller's"
    )


class SentenceSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    citations = serializers.ListField(
        child=serializers.IntegerField(), help_text="numbers of the passages that it is taken from"
    )


class PassageSerializer(serializers.Serializer[Passage]):
    number = serializers.IntegerField()
    post_id = serializers.UUIDField()
    tenant_id = serializers.UUIDField()
    channel = serializers.CharField()
    url = serializers.CharField(help_text="in Telegram, or empty")
    posted_at = serializers.DateTimeField()
    text = serializers.CharField()


class AnswerSerializer(serializers.Serializer[Answer]):
    """What is known about a question, and the passages that it is taken from."""

    status = serializers.ChoiceField(
        choices=[one.value for one in Status],
        help_text="answered; unknown: the archive does not know; passages: no provider was asked,"
        " or it gave no answer, for `reason`",
    )
    answer = serializers.CharField(source="text", help_text="the sentences with [n], or empty")
    sentences = SentenceSerializer(many=True)
    passages = PassageSerializer(many=True)
    reason = serializers.ChoiceField(
        choices=[one.value for one in Reason], allow_null=True, help_text="why only passages"
    )
    message = serializers.SerializerMethodField(help_text="the outcome in words; empty: answered")
    dropped = serializers.IntegerField(
        help_text="sentences of the provider that were left out, since they cite nothing given"
    )
    tokens = serializers.IntegerField(help_text="what the answer cost")
    degraded = serializers.ListField(child=serializers.CharField())
    problems = ProblemSerializer(many=True)
    trace_id = serializers.SerializerMethodField(help_text="of this request, as in `X-Trace-ID`")

    @extend_schema_field(serializers.CharField())
    def get_message(self, answer: Answer) -> str:
        return outcome(answer)

    def get_trace_id(self, _: Answer) -> str:
        return trace.current()
