"""
GigaChat looks at pictures: upload, ask, delete.

No `function_call`: without it the model answers in words; with "auto" it may call its built-in
functions (draw a picture, for one) instead. No X-Session-ID, though it would warm the prompt's
cache: a session takes ten images. The answer's shape is asked for in the prompt, not with
`response_format`, which models that see pictures are not documented to know.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import TypeVar

from gigachat.exceptions import AuthenticationError, NotFoundError
from gigachat.models import Chat, ChatCompletion, Messages, MessagesRole

from vision import metrics
from vision.policy.prompts import SYSTEM
from vision.providers import answers, picture
from vision.providers.answer_fields import Answer, AnswerUnusable
from vision.providers.gigachat_client import Connection, connect
from vision.providers.gigachat_errors import SDK_FAILURES, translated
from vision.providers.picture import Preparation
from vision.providers.port import (
    Analysis,
    ErrorClass,
    OcrText,
    ProviderBusy,
    ProviderMisconfigured,
    ProviderRefused,
    Usage,
)

TEMPERATURE = 0.1
ENGINE = "gigachat"
_TRIES = 3

T = TypeVar("T")

logger = logging.getLogger(__name__)


class GigaChatVision:
    """One per process, shared by its threads and with it the OAuth token."""

    name: str = "gigachat"

    def __init__(
        self,
        *,
        connection: Connection,
        model: str,
        max_output_tokens: int = 512,
        preparation: Preparation | None = None,
    ) -> None:
        """Raises ProviderMisconfigured where the bundle of certificates cannot be read."""
        self.model = model
        self._max_output_tokens = max_output_tokens
        self._preparation = preparation or Preparation()
        self._auth_url = connection.auth_url
        try:
            self._client = connect(connection)
        except OSError as exc:
            raise ProviderMisconfigured(
                "provider_certificates",
                f"GIGACHAT_CA_BUNDLE_FILE is not a file of PEM certificates: {exc}",
            ) from exc

    def analyze(self, image: bytes, *, mime: str, prompt: str, now: datetime) -> Analysis:
        """
        What GigaChat sees in the picture; the copy it was sent is deleted again.

        Raises ProviderBusy, ProviderRefused (`blacklist`, `image_not_seen`, `answer_unusable`,
        `answer_cut`, `request_rejected` and those of a picture that cannot be decoded) and
        ProviderMisconfigured. An answer that is of no use is not asked for again here: it has been
        paid for, and GigaChat at temperature 0.1 mostly repeats itself.
        """
        return self.ask(self.prepare(image), prompt=prompt, now=now)

    def prepare(self, image: bytes) -> bytes:
        """What takes our time and not the network's. Raises ProviderRefused."""
        return picture.prepare(image, self._preparation)

    def ask(self, prepared: bytes, *, prompt: str, now: datetime) -> Analysis:
        """The network's part of `analyze`; raises what that raises, but for the picture's faults."""
        with self._uploaded(prepared, now=now) as file_id:
            completion = self._ask(prompt, file_id, now=now)
        return self._analysis(completion, file_id=file_id, now=now)

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _uploaded(self, jpeg: bytes, *, now: datetime) -> Iterator[str]:
        """The file lives as long as the block; whatever happens in there, it is deleted."""
        try:
            with self._translated(now=now):
                file_id = self._upload(jpeg)
        except (ProviderBusy, ProviderRefused):
            metrics.FILE_UPLOADS.labels(status="error").inc()
            raise
        metrics.FILE_UPLOADS.labels(status="success").inc()
        try:
            yield file_id
        finally:
            self._delete(file_id)

    def _upload(self, jpeg: bytes) -> str:
        file = (picture.FILE_NAME, jpeg, picture.MIME)
        return _authorized(lambda: self._client.upload_file(file, purpose="general")).id_

    def _delete(self, file_id: str) -> None:
        """A copy that stays at the provider is a pity, and no reason to lose what it said."""
        try:
            _authorized(lambda: self._client.delete_file(file_id))
        except NotFoundError:
            metrics.FILE_DELETIONS.labels(status="gone").inc()
        except SDK_FAILURES as exc:
            metrics.FILE_DELETIONS.labels(status="error").inc()
            logger.warning("file %s stays at GigaChat: %s", file_id, type(exc).__name__)
        else:
            metrics.FILE_DELETIONS.labels(status="success").inc()

    def _ask(self, prompt: str, file_id: str, *, now: datetime) -> ChatCompletion:
        question = Chat(
            model=self.model,
            messages=[
                Messages(role=MessagesRole.SYSTEM, content=SYSTEM),
                Messages(role=MessagesRole.USER, content=prompt, attachments=[file_id]),
            ],
            temperature=TEMPERATURE,
            max_tokens=self._max_output_tokens,
        )
        with self._translated(now=now, billed=True):
            return _authorized(lambda: self._client.chat(question))

    def _translated(self, *, now: datetime, billed: bool = False) -> AbstractContextManager[None]:
        return translated(now=now, auth_url=self._auth_url, model=self.model, billed=billed)

    def _analysis(self, completion: ChatCompletion, *, file_id: str, now: datetime) -> Analysis:
        usage = _usage(completion)
        answer = _answer(completion, usage)
        return Analysis(
            provider="gigachat",
            model=self.model,
            model_version=completion.model,
            classification=answer.classification,
            description=answer.description,
            is_meme=answer.is_meme,
            labels=answer.labels,
            objects=answer.objects,
            scene=answer.scene,
            ocr=_ocr_text(answer),
            nsfw_score=answer.nsfw_score,
            aesthetic_score=answer.aesthetic_score,
            dominant_colors=answer.dominant_colors,
            usage=usage,
            file_id=file_id,
            analyzed_at=now,
        )


def _authorized(call: Callable[[], T]) -> T:
    """
    Again where the token was refused, although the SDK has just got a new one.

    Threads that share a client take each other's fresh token away when one runs out: the SDK
    forgets it at every 401, also at one that was earned with the old token. Nothing is spent.
    """
    for _ in range(_TRIES - 1):
        with contextlib.suppress(AuthenticationError):
            return call()
    return call()


def _usage(completion: ChatCompletion) -> Usage:
    returned = completion.usage
    return Usage(
        prompt_tokens=max(0, returned.prompt_tokens),
        completion_tokens=max(0, returned.completion_tokens),
        total_tokens=max(0, returned.total_tokens),
        precached_prompt_tokens=max(0, returned.precached_prompt_tokens or 0),
    )


def _answer(completion: ChatCompletion, usage: Usage) -> Answer:
    """What was said, or why that is of no use. HTTP 200 proves neither."""
    business = ErrorClass.NON_RETRYABLE_BUSINESS
    if not completion.choices:
        metrics.PARSE_ERRORS.labels(error_type="empty").inc()
        raise ProviderRefused("answer_unusable", "no answer", error_class=business, usage=usage)
    choice = completion.choices[0]
    if choice.finish_reason == "blacklist":
        metrics.PARSE_ERRORS.labels(error_type="blacklist").inc()
        raise ProviderRefused(
            "blacklist", "GigaChat does not speak of this", error_class=business, usage=usage
        )
    if choice.finish_reason == "error":
        raise ProviderBusy(
            "GigaChat broke off", error_class=ErrorClass.RETRYABLE_SERVER_ERROR, usage=usage
        )
    is_cut = choice.finish_reason == "length"
    try:
        parsed = answers.parse(choice.message.content)
    except AnswerUnusable as exc:
        metrics.PARSE_ERRORS.labels(error_type=exc.error_type).inc()
        reason = _reason(exc, is_cut=is_cut)
        detail = f"{exc.error_type}, finish_reason {choice.finish_reason}"
        raise ProviderRefused(reason, detail, error_class=business, usage=usage) from exc
    metrics.PARSED.labels(status="cut" if is_cut else "whole", method=parsed.method).inc()
    return parsed.answer


def _reason(unusable: AnswerUnusable, *, is_cut: bool) -> str:
    if unusable.error_type == "image_not_seen":
        return "image_not_seen"
    return "answer_cut" if is_cut else "answer_unusable"


def _ocr_text(answer: Answer) -> OcrText | None:
    if not answer.ocr_text:
        return None
    return OcrText(
        text=answer.ocr_text,
        engine=ENGINE,
        confidence=answer.ocr_confidence,
        words=len(answer.ocr_text.split()),
    )
