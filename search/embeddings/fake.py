"""A deterministic encoder for tests: texts that share words are near."""

import math
from collections.abc import Sequence
from hashlib import sha256

from search.embeddings.port import EncoderUnavailable, Vector


class FakeEncoder:
    """
    Counts words in a few places of a vector. `same` maps words to the word they mean.

    With `failure`, each call raises EncoderUnavailable with that message. `encoded` counts
    the passages.
    """

    def __init__(
        self,
        *,
        name: str = "fake",
        dimension: int = 384,
        same: dict[str, str] | None = None,
        failure: str = "",
    ) -> None:
        self.name, self.dimension, self.max_chars = name, dimension, 400
        self.batch, self.is_remote = 16, False
        self.same, self.failure, self.encoded = same or {}, failure, 0

    def encode_queries(self, texts: Sequence[str]) -> list[Vector]:
        if self.failure:
            raise EncoderUnavailable(self.failure)
        return [self._vector(text) for text in texts]

    def encode_passages(self, texts: Sequence[str]) -> list[Vector]:
        vectors = self.encode_queries(texts)
        self.encoded += len(texts)
        return vectors

    def _vector(self, text: str) -> Vector:
        vector = [0.0] * self.dimension
        vector[0] = 0.01  # no text is without direction
        for word in text[: self.max_chars].lower().split():
            word = self.same.get(word, word)  # noqa: PLW2901 - the word it means
            place = (
                int.from_bytes(sha256(word.encode("utf-8", "replace")).digest()[:4])
                % self.dimension
            )
            vector[place] += 1.0
        length = math.sqrt(sum(number * number for number in vector))
        return [number / length for number in vector]
