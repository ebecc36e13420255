"""A request's life in the engine, and what is reported of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from studio.engine.drawn import frame, picture
from studio.engine.preview import encode_frame
from studio.engine.progress import Progress
from studio.engine.residents import PackKey, Resident, key_of
from studio.engine.row import Row
from studio.errors import StudioError
from studio.events import Drawn, Previewed, Progressed, Started
from studio.images.pixels import Image, Pixels
from studio.models.model import Pack
from studio.prompts import read_prompt
from studio.requests.request import Request

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    """``resident`` draws it. ``inputs`` is about how many model inputs it takes from beginning to end; ``images`` are
    those that the request names, by their digests. ``rows`` are its pictures that are not finished; none before it is
    let in."""

    name: str
    owner: str
    address: str
    request: Request
    resident: Resident
    inputs: float
    images: Mapping[str, Image]
    rows: list[Row] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    error: StudioError | None = None

    @property
    def key(self) -> PackKey:
        return key_of(self.request)

    @property
    def pack(self) -> Pack:
        return self.resident.pack

    def replace(self, row: Row, following: Row) -> None:
        """The next stage of a picture goes on in the place of the one that is done."""
        following.owner = row.owner
        self.rows = [following if other is row else other for other in self.rows]

    def leave(self, row: Row) -> None:
        """A row that is drawn, or has failed, is let go."""
        self.progress.leave(row, self.resident.tempo)
        self.rows = [other for other in self.rows if other is not row]

    def started(self) -> Started:
        """That it was let in, with what its model makes of the words."""
        pack, request, tempo = self.pack, self.request, self.resident.tempo
        is_known = tempo.calls.seconds_per_input is not None
        seconds = sum(map(tempo.seconds_left, self.rows)) if is_known else None
        unknown, replaced = pack.unknown_words(request.words), pack.replaced_words(request.words)
        lacks_words = request.needs_words and pack.reads_words and not read_prompt(request.words).words
        return Started(self.name, pack.cuts(request.caption), unknown, seconds, replaced, lacks_words=lacks_words)

    def previewed(self, row: Row, jpeg: bytes) -> Previewed:
        """``jpeg`` is what the linear decoder made; a frame of a trajectory is worth decoding in full."""
        is_frame = row.request.trajectory
        if is_frame:
            try:
                jpeg = encode_frame(frame(row))
            except Exception:
                logger.exception("a trajectory lacks a frame")
                is_frame = False
        share, seconds = self.progress.report(self.rows, self.resident.tempo)
        return Previewed(row.job, row.index, row.step, row.steps, jpeg, seconds, is_frame, share)

    def progressed(self, row: Row, done: int, of: int) -> Progressed:
        """``done`` tiles or pieces ``of`` so many of a row are there."""
        return Progressed(row.job, row.index, done, of, *self.progress.report(self.rows, self.resident.tempo))

    def drawn(self, row: Row) -> Drawn:
        """The picture of a row that is done, or of one that is stopped: where it was heading."""
        pixels = picture(row)
        return Drawn(
            job=self.name,
            index=row.index,
            request=row.request,
            model_hash=self.pack.model_hash,
            seconds=time.monotonic() - self.progress.started,
            stopped_at=None if row.is_whole else row.step,
            pixels=Pixels.of(pixels),
            similarity=self._similarity(pixels),
            revision=self.pack.revision,
        )

    def _similarity(self, pixels: NDArray[np.uint8]) -> float | None:
        """How well one of several pictures shows what all of them should; None where nobody can tell."""
        if self.request.count == 1:
            return None
        try:
            return self.pack.similarity(pixels, self.request.shows)
        except Exception:  # the picture is worth more than its score
            logger.exception("a picture could not be compared with its words")
            return None
