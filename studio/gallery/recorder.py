"""What is drawn is written down, whoever is still looking.

The client hands every event to the recorder first. A `Drawn` event comes out with the picture's path in place of its
pixels, so nobody can be told of a picture that is not on the disk. Frames of trajectories are collected until their
picture is drawn.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from studio.errors import JobFailed, LedgerError
from studio.events import ENDS, Cancelled, Drawn, Event, Failed, Finished, Previewed, Started
from studio.gallery.ledger import Ledger
from studio.gallery.pictures import Entry
from studio.gallery.recipe import Recipe
from studio.gallery.store import Store
from studio.requests.request import Request

logger = logging.getLogger(__name__)

STATES: Mapping[type, str] = {Started: "running", Finished: "done", Failed: "failed", Cancelled: "cancelled"}


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
    """Call it with each event; it returns the event to pass on. Not thread-safe: events come one after the other; but
    for `accept`, which may be called from any thread."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store, self._ledger, self._trajectories = store, ledger, Trajectories()

    def accept(self, job: str, owner: str, request: Request) -> None:
        """A job that is about to be sent to the engine. Raises `LedgerError` where it cannot be written down, as its
        pictures could not be, either."""
        self._store.check_room(request.count * request.width * request.height * 3)
        self._ledger.jobs.accept(job, owner, request)

    def __call__(self, event: Event) -> Event:
        self._trajectories.see(event)
        event = self._write(event) if isinstance(event, Drawn) and event.pixels is not None else event
        if type(event) in STATES:
            reason = str(event.error) if isinstance(event, Failed) else ""
            with _logged("what became of a job could not be written down"):
                self._ledger.jobs.note(event.job, STATES[type(event)], reason)
        return event

    def _write(self, event: Drawn) -> Event:
        """The file, then its row, and only then does anybody hear of it."""
        assert event.pixels is not None
        recipe = Recipe(event.request, event.model_hash, event.stopped_at, event.revision)
        try:
            path = self._store.add(event.pixels, recipe)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return Failed(
                event.job, JobFailed("The picture could not be written to the data folder: {reason}.", reason=reason)
            )
        with _logged("a picture has no row, and is adopted at the next start"):
            self._ledger.pictures.add(Entry(path, recipe, event.pixels.digest, event.job, seconds=event.seconds))
        self._add_trajectory(path, self._trajectories.take(event))
        return replace(event, pixels=None, path=str(path))

    def _add_trajectory(self, path: Path, frames: list[bytes]) -> None:
        """The picture is safe already; a trajectory that is not changes nothing of that."""
        try:
            if frames:
                self._store.add_trajectory(path, frames)
        except OSError:
            logger.exception("a trajectory could not be written")


@contextlib.contextmanager
def _logged(what: str) -> Iterator[None]:
    """What is on the disk already is worth more than what is known of it."""
    try:
        yield
    except LedgerError as error:
        logger.error("%s: %s", what, error)
