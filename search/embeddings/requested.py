"""What all encoders have in common that are asked by requests: preparation, batches, refusals."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from events.sentences import Sentence, gettext_noop
from search.documents import cut_at_word
from search.embeddings.port import EncoderUnavailable, TextsRefused, Vector

_OTHER_MODEL: Final = Sentence(
    gettext_noop(
        "%(name)s answered with vectors of %(numbers)s numbers; those of the archive have %(known)s:"
        " it is another model under the same name"
    )
)
_PROBE: Final = "."
"""No encoder refuses it, unless it refuses everything."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """How texts are sent: at most `chars` characters of them, after a prefix; `batch` at once."""

    chars: int
    batch: int
    query_prefix: str = ""
    passage_prefix: str = ""

    @property
    def code(self) -> str:
        """Names the preparation, for vectors of different ones are not compared."""
        prefixes = f"{self.query_prefix}\0{self.passage_prefix}"
        digest = f":{sha256(prefixes.encode()).hexdigest()[:8]}" if prefixes != "\0" else ""
        return f"{self.chars}{digest}"


class RequestedEncoder(ABC):
    """
    An encoder of another program. Subclasses send one request for a batch in `_request`.

    `dimension` is that of its first vectors; later ones have it, or are refused.
    """

    is_remote: bool = True
    paid_model = ""
    """The model whose tokens somebody has to pay; empty where a request costs nothing here."""

    def __init__(self, *, kind: str, model: str, how: Preparation, dimension: int = 0) -> None:
        self.name = f"{kind}:{model}:{how.code}"
        self.max_chars, self.batch, self.dimension = how.chars, how.batch, dimension
        self._how = how

    def as_query(self, text: str) -> str:
        """A query as it is sent."""
        return self._how.query_prefix + self._prepared(text)

    def encode_queries(self, texts: Sequence[str]) -> list[Vector]:
        return self._encode(texts, self._how.query_prefix)

    def encode_passages(self, texts: Sequence[str]) -> list[Vector]:
        return self._encode(texts, self._how.passage_prefix)

    @abstractmethod
    def _request(self, texts: Sequence[str]) -> list[Vector]:
        """Encode one batch. Raises TextsRefused and EncoderUnavailable."""

    def _encode(self, texts: Sequence[str], prefix: str) -> list[Vector]:
        prepared = [prefix + self._prepared(text) for text in texts]
        vectors: list[Vector] = []
        for start in range(0, len(prepared), self.batch):
            vectors += self._one_batch(prepared[start : start + self.batch])
        return vectors

    def _one_batch(self, texts: Sequence[str]) -> list[Vector]:
        try:
            return self._asked(texts)
        except TextsRefused as refusal:
            return self._one_by_one(texts, refusal)

    def _one_by_one(self, texts: Sequence[str], refusal: TextsRefused) -> list[Vector]:
        """Find the texts that are to blame, unless everything is refused."""
        try:
            self._asked([_PROBE])
        except TextsRefused:
            raise refusal from None
        return [self._or_nothing(text) for text in texts]

    def _or_nothing(self, text: str) -> Vector:
        try:
            return self._asked([text])[0]
        except TextsRefused:
            return []

    def _asked(self, texts: Sequence[str]) -> list[Vector]:
        vectors = self._request(texts)
        if self.dimension not in {0, len(vectors[0])}:
            raise EncoderUnavailable(
                _OTHER_MODEL
                % {"name": self.name, "numbers": len(vectors[0]), "known": self.dimension}
            )
        self.dimension = len(vectors[0])
        return vectors

    def _prepared(self, text: str) -> str:
        text = text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
        return cut_at_word(" ".join(text[: self.max_chars * 4].split()), self.max_chars) or "-"
