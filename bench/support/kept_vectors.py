"""
Vectors that are encoded once for several benches.

Two of them search the same 2 893 posts, which the encoder takes four minutes for: in a run of `make
bench` the second finds them in the folder that the first has filled.
"""

import argparse
import json
import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from search.embeddings import chosen
from search.embeddings.port import Encoder, Vector

VARIABLE = "BENCH_VECTORS"
"""Names the folder where no option does."""


def add_option(parser: argparse.ArgumentParser) -> None:
    given = os.environ.get(VARIABLE)
    parser.add_argument(
        "--vectors", type=Path, default=given and Path(given), help="keep vectors in this folder"
    )


def use(folder: Path | None) -> None:
    """Have what is encoded kept in this folder, if there is one."""
    if folder:
        chosen.use(_Kept(chosen.encoder(), folder))


class _Kept:
    """An encoder that keeps what another one encodes, a file each."""

    def __init__(self, of: Encoder, folder: Path) -> None:
        self.of, self.folder = of, folder
        self.name, self.dimension, self.max_chars = of.name, of.dimension, of.max_chars
        self.batch, self.is_remote = of.batch, of.is_remote
        folder.mkdir(parents=True, exist_ok=True)

    def encode_queries(self, texts: Sequence[str]) -> list[Vector]:
        return self._vectors("q", texts, self.of.encode_queries)

    def encode_passages(self, texts: Sequence[str]) -> list[Vector]:
        return self._vectors("p", texts, self.of.encode_passages)

    def _vectors(
        self, kind: str, texts: Sequence[str], encode: Callable[[Sequence[str]], list[Vector]]
    ) -> list[Vector]:
        paths = {text: self._path(kind, text) for text in texts}
        missing = [text for text, path in paths.items() if not path.exists()]
        for text, vector in zip(missing, encode(missing) if missing else [], strict=True):
            paths[text].write_text(json.dumps(vector))
        return [json.loads(paths[text].read_text()) for text in texts]

    def _path(self, kind: str, text: str) -> Path:
        return self.folder / sha256(f"{self.name}\0{kind}\0{text}".encode()).hexdigest()
