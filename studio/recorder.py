"""What is drawn is written down, whoever is still looking.

The client hands every event to the recorder first. A `Drawn` event comes out with the picture's path in place of its
pixels, so nobody can be told of a picture that is not on the disk. Frames of trajectories are collected until their
picture is drawn.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from studio.errors import JobFailed
from studio.events import ENDS, Drawn, Event, Failed, Previewed
from studio.gallery.recipe import Recipe
from studio.gallery.store import Store

logger = logging.getLogger(__name__)


class Trajectories:
    """Collects the frames of trajectories, of every job that asked for some; call `see` with each event, in order."""

    def __init__(self) -> None:
        self._frames: dict[str, dict[int, list[bytes]]] = {}  # of each job, of each of its pictures

    def see(self, event: Event) -> Event:
        if isinstance(event, Previewed) and event.is_frame:
            self._frames.setdefault(event.job, {}).setdefault(event.index, []).append(event.jpeg)
        elif isinstance(event, ENDS):
            self._frames.pop(event.job, None)
        return event

    def take(self, event: Drawn) -> list[bytes]:
        """The frames of a picture that is drawn, JPEGs; none where no trajectory was asked for."""
        return self._frames.get(event.job, {}).pop(event.index, [])


class Recorder:
    """Call it with each event; it returns the event to pass on. Not thread-safe: events come one after the other."""

    def __init__(self, store: Store) -> None:
        self._store, self._trajectories = store, Trajectories()

    def __call__(self, event: Event) -> Event:
        self._trajectories.see(event)
        if not isinstance(event, Drawn) or event.pixels is None:
            return event
        try:
            path = self._store.add(event.pixels, Recipe(event.request, event.model_hash, event.stopped_at))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return Failed(event.job, JobFailed(f"The picture could not be written to the data folder: {reason}."))
        self._add_trajectory(path, self._trajectories.take(event))
        return replace(event, pixels=None, path=str(path))

    def _add_trajectory(self, path: Path, frames: list[bytes]) -> None:
        """The picture is safe already; a trajectory that is not changes nothing of that."""
        try:
            if frames:
                self._store.add_trajectory(path, frames)
        except OSError:
            logger.exception("a trajectory could not be written")
