"""Has every picture of the gallery looked at, a few at a time, so that it can be found by what it shows.

It runs beside everything else in the page's process, and waits while the engine is drawing.
"""

from __future__ import annotations

import logging
import threading

import numpy as np
import PIL.Image

from studio.backends.client import EngineClient
from studio.errors import LedgerError
from studio.gallery.ledger import Ledger
from studio.gallery.store import Store
from studio.images.pixels import Pixels

logger = logging.getLogger(__name__)

AT_ONCE = 8
SIDE = 192  # pixels, at most, of what is sent to be looked at: twice what the model sees
PAUSE_SECONDS, BUSY_SECONDS = 2.0, 0.5


class Indexer:
    """Begins at once, in a thread of its own, until `close`."""

    def __init__(self, client: EngineClient, store: Store, ledger: Ledger) -> None:
        self._client, self._store, self._ledger = client, store, ledger
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="indexer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        pause = 0.0
        while not self._closing.wait(pause):
            try:
                pause = BUSY_SECONDS if self._client.pulse.rows else 0.0 if self._step() else PAUSE_SECONDS
            except LedgerError as error:
                logger.warning("pictures are not looked at for now: %s", error)
                pause = PAUSE_SECONDS
            except Exception:
                logger.exception("a picture could not be looked at")
                pause = PAUSE_SECONDS

    def _step(self) -> bool:
        """Has some pictures looked at; whether there may be more."""
        model = self._client.look([])
        if model is None:
            return False
        names = self._ledger.vectors.lacking(model.name, AT_ONCE)
        pictures = {name: small for name in names if (small := self._small(name)) is not None}
        seen = self._client.look(list(pictures.values())) if names else None
        if seen is None:
            return False
        vectors = {name: np.frombuffer(vector, np.float32) for name, vector in zip(pictures, seen.vectors, strict=True)}
        unreadable = {name: np.zeros(0, np.float32) for name in names if name not in pictures}  # not asked for again
        self._ledger.vectors.put(model.name, vectors | unreadable)
        return len(names) == AT_ONCE

    def _small(self, name: str) -> Pixels | None:
        try:
            with PIL.Image.open(self._store.path(name), formats=("PNG",)) as stored:
                picture = stored.convert("RGB")
        except (OSError, ValueError, SyntaxError):
            return None
        picture.thumbnail((SIDE, SIDE))
        return Pixels.of(np.asarray(picture))
