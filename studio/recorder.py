"""What is drawn is written down, whoever is still looking.

The client hands every event to the recorder first. A `Drawn` event comes out with the picture's path in place of its
pixels, so nobody can be told of a picture that is not on the disk. Frames of films are collected until their picture is
drawn.
"""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import PIL.Image

from studio.errors import JobFailed
from studio.events import ENDS, Drawn, Event, Failed, Previewed
from studio.gallery.recipe import Recipe
from studio.gallery.store import Store
from studio.images.film import animated


class Recorder:
    """Call it with each event; it returns the event to pass on. Not thread-safe: events come one after the other."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._frames: dict[str, dict[int, list[bytes]]] = {}  # of each job, of each of its pictures

    def __call__(self, event: Event) -> Event:
        if isinstance(event, Previewed) and event.is_frame:
            self._frames.setdefault(event.job, {}).setdefault(event.index, []).append(event.jpeg)
        elif isinstance(event, Drawn) and event.pixels is not None:
            return self._record(event)
        elif isinstance(event, ENDS):
            self._frames.pop(event.job, None)
        return event

    def _record(self, event: Drawn) -> Event:
        assert event.pixels is not None
        try:
            path = self._store.add(event.pixels, Recipe(event.request, event.model_hash, event.stopped_at))
            if frames := self._frames.get(event.job, {}).pop(event.index, []):
                self._store.add_film(path, film_of(frames))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return Failed(event.job, JobFailed(f"The picture could not be written to the data folder: {reason}."))
        return replace(event, pixels=None, path=str(path))


def film_of(jpegs: list[bytes]) -> bytes:
    """An animated WebP of a picture's frames."""
    return animated([np.asarray(PIL.Image.open(io.BytesIO(jpeg)).convert("RGB")) for jpeg in jpegs])
