"""What is drawn is written down, whoever is still looking.

The client hands every event to the recorder first. A `Drawn` event comes out with the picture's path in place of its
pixels, so nobody can be told of a picture that is not on the disk.
"""

from __future__ import annotations

from dataclasses import replace

from studio.errors import JobFailed
from studio.events import Drawn, Event, Failed
from studio.gallery.recipe import Recipe
from studio.gallery.store import Store


class Recorder:
    """Call it with each event; it returns the event to pass on."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, event: Event) -> Event:
        if not isinstance(event, Drawn) or event.pixels is None:
            return event
        try:
            path = self._store.add(event.pixels, Recipe(event.request, event.model_hash, event.stopped_at))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return Failed(event.job, JobFailed(f"The picture could not be written to the data folder: {reason}."))
        return replace(event, pixels=None, path=str(path))
