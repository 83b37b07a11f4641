"""
GigaChatVision: uploads a picture, requests a completion about it, deletes the upload.

The request has no `function_call`: with "auto" the model may call a built-in function (draw a
picture, for example) instead of answering. It has no X-Session-ID either: a session would warm the
prompt cache, but is limited to ten images. The prompt fixes the format of the answer instead of
`response_format`, which is not documented for models that take images.
"""

import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from typing import Final, TypeVar

from gigachat.exceptions import AuthenticationError, NotFoundError
from gigachat.models import Chat, ChatCompletion, Messages, MessagesRole
from PIL import Image

from vision import metrics
from vision.policy.prompts import SYSTEM
from vision.providers.answers.fields import Answer, AnswerUnusable, one_line
from vision.providers.answers.parse import parse_answer
from vision.providers.gigachat import preprocess
from vision.providers.gigachat.client import GigaChatConnection, connect
from vision.providers.gigachat.errors import SDK_FAILURES, translated
from vision.providers.gigachat.preprocess import PreprocessOptions
from vision.providers.port import (
    Analysis,
    ErrorClass,
    OcrText,
    ProviderBusy,
    ProviderMisconfigured,
    ProviderRefused,
    TokenUsage,
)

TEMPERATURE = 0.1
ENGINE = "gigachat"
_MAX_TOKEN_RETRIES = 2
MOST_TOKENS: Final = 10_000_000
"""Many times what the largest request with the longest answer can cost."""

NAME_CHARS: Final = 255
"""What is kept of a name that GigaChat gives. Without what no text can hold: the answer is paid."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


class GigaChatVision:
    """The provider; one instance per process, so that threads share its OAuth token."""

    name: str = "gigachat"

    def __init__(
        self,
        *,
        connection: GigaChatConnection,
        model: str,
        max_output_tokens: int = 512,
        preparation: PreprocessOptions | None = None,
    ) -> None:
        """Raise ProviderMisconfigured where the bundle of certificates cannot be read."""
        self.model = model
        self._max_output_tokens = max_output_tokens
        self._preparation = preparation or PreprocessOptions()
        self._auth_url = connection.auth_url
        self.connection = connection
        try:
            self._client = connect(connection)
        except OSError as exc:
            raise ProviderMisconfigured(
                "provider_certificates",
                f"GIGACHAT_CA_BUNDLE_FILE is not a file of PEM certificates: {exc}",
            ) from exc

    def analyze(self, image: bytes, *, mime: str, prompt: str, now: datetime) -> Analysis:
        """
        Analyze one picture; its copy at GigaChat is deleted afterwards.

        Raises ProviderBusy, ProviderRefused (`blacklist`, `image_not_seen`, `answer_unusable`,
        `answer_cut`, `request_rejected` and the reasons of `media.imaging.ImageRefused`) and
        ProviderMisconfigured. There is no retry after an unusable answer: it has been billed, and
        at temperature 0.1 GigaChat mostly repeats itself.
        """
        with ExitStack() as afterwards:
            prepared = self.prepare(image)
            return self.analyze_prepared(prepared, prompt=prompt, now=now, afterwards=afterwards)

    def prepare(self, image: bytes, *, decode: Callable[[], Image.Image] | None = None) -> bytes:
        """Convert the picture to the JPEG to upload, without the network. Raises ProviderRefused."""
        return preprocess.prepare(image, self._preparation, decode=decode)

    def analyze_prepared(
        self, prepared: bytes, *, prompt: str, now: datetime, afterwards: ExitStack
    ) -> Analysis:
        """
        Analyze what `prepare` returned; raises what `analyze` raises after decoding.

        The upload is deleted when `afterwards` is closed, also after an exception: the deletion
        is a call of its own, and a worker killed in it must have saved the answer before.
        """
        file_id = self._uploaded(prepared, now=now)
        afterwards.callback(self._delete, file_id)
        completion = self._complete(prompt, file_id, now=now)
        return self._analysis(completion, file_id=file_id, now=now)

    def authorize(self, *, now: datetime) -> None:
        """Get an access token, unless there is a valid one. Raises what `analyze` raises."""
        with self._translated(now=now):
            self._client.get_token()

    def models(self, *, now: datetime) -> list[str]:
        """Names of the models that the account may use; free. Raises what `analyze` raises."""
        with self._translated(now=now):
            return [model.id_ for model in authorized(self._client.get_models).data]

    def balance(self, *, now: datetime) -> dict[str, float] | None:
        """Tokens left by kind of use; free. None where the account has no packages of tokens."""
        try:
            with self._translated(now=now):
                left = authorized(self._client.get_balance).balance
        except ProviderMisconfigured as refusal:
            if refusal.reason in {"provider_forbidden", "provider_address"}:
                return None
            raise
        return {entry.usage: entry.value for entry in left}

    def close(self) -> None:
        self._client.close()

    def _uploaded(self, jpeg: bytes, *, now: datetime) -> str:
        """Upload the picture and return its id."""
        try:
            with self._translated(now=now):
                file_id = self._upload(jpeg)
        except (ProviderBusy, ProviderRefused):
            metrics.FILE_UPLOADS.labels(status="error").inc()
            raise
        metrics.FILE_UPLOADS.labels(status="success").inc()
        return file_id

    def _upload(self, jpeg: bytes) -> str:
        file = (preprocess.FILE_NAME, jpeg, preprocess.MIME)
        return authorized(lambda: self._client.upload_file(file, purpose="general")).id_

    def _delete(self, file_id: str) -> None:
        """Delete the upload; a failure is only logged, since the answer has been billed."""
        try:
            authorized(lambda: self._client.delete_file(file_id))
        except NotFoundError:
            metrics.FILE_DELETIONS.labels(status="gone").inc()
        except SDK_FAILURES as exc:
            metrics.FILE_DELETIONS.labels(status="error").inc()
            logger.warning(
                "file %s stays at GigaChat: %s", file_id, type(exc).__name__, exc_info=exc
            )
        else:
            metrics.FILE_DELETIONS.labels(status="success").inc()

    def _complete(self, prompt: str, file_id: str, *, now: datetime) -> ChatCompletion:
        request = Chat(
            model=self.model,
            messages=[
                Messages(role=MessagesRole.SYSTEM, content=SYSTEM),
                Messages(role=MessagesRole.USER, content=prompt, attachments=[file_id]),
            ],
            temperature=TEMPERATURE,
            max_tokens=self._max_output_tokens,
        )
        with self._translated(now=now, billed=True):
            return authorized(lambda: self._client.chat(request))

    def _translated(self, *, now: datetime, billed: bool = False) -> AbstractContextManager[None]:
        return translated(now=now, auth_url=self._auth_url, model=self.model, billed=billed)

    def _analysis(self, completion: ChatCompletion, *, file_id: str, now: datetime) -> Analysis:
        usage = usage_of(completion)
        answer = _answer(completion, usage)
        return Analysis(
            provider="gigachat",
            model=self.model,
            model_version=one_line(completion.model, longest=NAME_CHARS),
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
            file_id=one_line(file_id, longest=NAME_CHARS),
            analyzed_at=now,
        )


def authorized(call: Callable[[], T]) -> T:
    """
    Repeat the call where the token was refused, although the SDK has just fetched a new one.

    When a token expires, threads that share a client invalidate each other's new token: the SDK
    drops the current token at every 401, also at a 401 for a request with the expired token. A call
    that ends with 401 costs no tokens.
    """
    for _ in range(_MAX_TOKEN_RETRIES):
        with contextlib.suppress(AuthenticationError):
            return call()
    return call()


def usage_of(completion: ChatCompletion) -> TokenUsage:
    """
    The tokens that the answer names.

    Raises ProviderBusy for what no call can cost: nobody knows then what it was billed with, and
    one such figure, taken for the greatest cost, would stop all tenants.
    """
    returned = completion.usage
    named = (returned.prompt_tokens, returned.completion_tokens, returned.total_tokens)
    if (
        returned.total_tokens < 1
        or max(*named, returned.precached_prompt_tokens or 0) > MOST_TOKENS
    ):
        raise ProviderBusy(
            "GigaChat's answer names no possible number of tokens",
            error_class=ErrorClass.RETRYABLE_SERVER_ERROR,
            maybe_billed=True,
        )
    return TokenUsage(
        prompt_tokens=max(0, returned.prompt_tokens),
        completion_tokens=max(0, returned.completion_tokens),
        total_tokens=max(0, returned.total_tokens),
        precached_prompt_tokens=max(0, returned.precached_prompt_tokens or 0),
    )


def _answer(completion: ChatCompletion, usage: TokenUsage) -> Answer:
    """Parse the answer. Raises ProviderRefused or ProviderBusy: HTTP 200 does not mean success."""
    business = ErrorClass.NON_RETRYABLE_BUSINESS
    if not completion.choices:
        metrics.PARSE_ERRORS.labels(error_type="empty").inc()
        raise ProviderRefused("answer_unusable", "no answer", error_class=business, usage=usage)
    choice = completion.choices[0]
    if choice.finish_reason == "blacklist":
        metrics.PARSE_ERRORS.labels(error_type="blacklist").inc()
        raise ProviderRefused(
            "blacklist",
            "GigaChat refuses to describe this picture",
            error_class=business,
            usage=usage,
        )
    if choice.finish_reason == "error":
        raise ProviderBusy(
            "GigaChat broke off", error_class=ErrorClass.RETRYABLE_SERVER_ERROR, usage=usage
        )
    is_cut = choice.finish_reason == "length"
    try:
        parsed = parse_answer(choice.message.content)
    except AnswerUnusable as exc:
        metrics.PARSE_ERRORS.labels(error_type=exc.error_type).inc()
        reason = _reason(exc, is_cut=is_cut)
        ending = one_line(str(choice.finish_reason), longest=NAME_CHARS)
        detail = f"{exc.error_type}, finish_reason {ending}"
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
