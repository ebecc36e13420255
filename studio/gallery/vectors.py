"""The rows of vectors: what pictures show, as a model sees it."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from studio.gallery.database import Database
from studio.gallery.likeness import Vectors
from studio.gallery.pictures import PAGE, Picture, PictureTable
from studio.gallery.wanted import PictureFilter


class VectorTable:
    """The vectors in a database, all of one model in memory once they are asked for."""

    def __init__(self, database: Database, pictures: PictureTable) -> None:
        self._database, self._pictures = database, pictures
        self._vectors: tuple[str, Vectors] | None = None  # of the model of that name; None after a change
        self._lock = threading.Lock()

    def lacking(self, model: str, most: int) -> list[str]:
        """The names of some pictures that ``model`` has not looked at, the latest first."""
        query = (
            "SELECT id FROM pictures WHERE missing = 0 AND deleted IS NULL AND NOT EXISTS "
            "(SELECT 1 FROM vectors WHERE picture = id AND model = ?) ORDER BY made DESC LIMIT ?"
        )
        return [row["id"] for row in self._database.read(query, (model, most))]

    def put(self, model: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """What ``model`` sees in pictures, by their names: [width] each."""
        rows = [(id_, model, vector.astype(np.float32).tobytes()) for id_, vector in vectors.items()]
        with self._database.change() as database:
            database.executemany("INSERT OR REPLACE INTO vectors (picture, model, vector) VALUES (?, ?, ?)", rows)
        with self._lock:
            self._vectors = None

    def of(self, model: str, id_: str) -> NDArray[np.float32] | None:
        """What ``model`` sees in a picture, at unit length; None where it has not looked yet."""
        return self._all(model).of(id_)

    def alike(
        self, owner: str, wanted: PictureFilter, model: str, vector: NDArray[np.float32], most: int = PAGE
    ) -> list[tuple[Picture, float]]:
        """Of such pictures those that show most what ``vector`` [width] says, the best first, with the cosine."""
        nearest = dict(self._all(model).nearest(vector, self._pictures.names(owner, wanted), most))
        return [(each, nearest[each.id]) for each in self._pictures.get_all(owner, list(nearest))]

    def _all(self, model: str) -> Vectors:
        with self._lock:
            kept = self._vectors
            if kept is None or kept[0] != model:
                rows = self._database.read("SELECT picture, vector FROM vectors WHERE model = ?", (model,))
                kept = self._vectors = model, Vectors((row["picture"], row["vector"]) for row in rows)
            return kept[1]
