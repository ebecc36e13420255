"""Which pictures show what another one shows, or what words say: the cosine of their embeddings, over all at once.

A hundred thousand vectors of Storybook's CLIP take 26 MB, so they are all kept in memory; no index is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


class Vectors:
    """Embeddings by the names of their pictures; made once, read by many."""

    def __init__(self, rows: Iterable[tuple[str, bytes]]) -> None:
        kept = list(rows)
        width = max((len(vector) for _, vector in kept), default=0)
        kept = [(name, vector) for name, vector in kept if len(vector) == width]
        self._places = {name: place for place, (name, _) in enumerate(kept)}
        joined = np.frombuffer(b"".join(vector for _, vector in kept), np.float32)
        self._matrix = unit(joined.reshape(len(kept), width // 4))

    def __len__(self) -> int:
        return len(self._places)

    def of(self, name: str) -> NDArray[np.float32] | None:
        """The embedding of a picture, of unit length; None where there is none yet."""
        place = self._places.get(name)
        return None if place is None else self._matrix[place]

    def nearest(self, vector: NDArray[np.float32], names: Sequence[str], most: int) -> list[tuple[str, float]]:
        """Of the pictures called ``names``, those ``most`` like ``vector`` [width], the best first, each with its
        cosine."""
        known = [name for name in names if name in self._places]
        if not known or vector.shape != self._matrix.shape[1:]:
            return []
        places = np.fromiter((self._places[name] for name in known), np.int64, len(known))
        cosines = self._matrix[places] @ unit(vector[None])[0]
        best = np.argsort(-cosines, kind="stable")[:most]
        return [(known[each], float(cosines[each])) for each in best]


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row of ``vectors`` [N, width] at unit length; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
