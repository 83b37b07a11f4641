"""Vectors of a large archive: drawn from the distribution of some real ones, written by COPY."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

_BATCH = 5000
Vectors = npt.NDArray[np.float32]


def copy_vectors(
    cursor: Any, ids: Sequence[UUID], tenants: Sequence[UUID], base: Vectors, model: str
) -> None:
    """In PostgreSQL's binary format, since numbers as text would take most of the time."""
    row = np.dtype([
        ("fields", ">i2"), ("id_length", ">i4"), ("id", "V16"), ("model_length", ">i4"),
        ("model", f"S{len(model)}"), ("tenant_length", ">i4"), ("tenant", "V16"),
        ("hash_length", ">i4"), ("hash", "S32"), ("vector_length", ">i4"), ("dimension", ">i2"),
        ("unused", ">i2"), ("vector", ">f2", base.shape[1]),
    ])  # fmt: skip
    with cursor.copy(
        "COPY search_vectors (post_id, model, tenant_id, text_hash, vector) FROM STDIN (FORMAT binary)"
    ) as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for start, vectors in _drawn_vectors(base, len(ids)):
            some = ids[start : start + _BATCH]
            rows = np.zeros(len(some), row)
            rows["fields"], rows["id_length"], rows["tenant_length"] = 5, 16, 16
            rows["model_length"], rows["model"] = len(model), model
            rows["hash_length"], rows["hash"] = 32, [one.hex for one in some]
            rows["id"] = [np.void(one.bytes) for one in some]
            rows["tenant"] = [np.void(one.bytes) for one in tenants[start : start + _BATCH]]
            rows["dimension"], rows["vector_length"] = base.shape[1], 4 + 2 * base.shape[1]
            rows["vector"] = vectors
            copy.write(rows.tobytes())
        copy.write(b"\xff\xff")


def _drawn_vectors(base: Vectors, count: int) -> Iterator[tuple[int, Vectors]]:
    drawn = np.random.default_rng(count)
    centred = base - base.mean(axis=0)
    for start in range(0, count, _BATCH):
        size = min(_BATCH, count - start)
        moved = drawn.standard_normal((size, len(base)), np.float32) @ centred
        vectors = base[drawn.integers(len(base), size=size)] + 0.7 * moved / np.sqrt(len(base))
        yield start, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
