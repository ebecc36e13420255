"""How far a job is: which share of its time has passed, its preparation, decoding and writing counted as well as its
model calls, and how much is left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from studio.engine.effort import cost_done, cost_left, pixels_done, pixels_left
from studio.engine.row import Row
from studio.engine.scheduler import ThroughputEstimate
from studio.requests.request import Request

INPUTS_TO_DECODE = 3.0  # as many model inputs as decoding a picture takes, as long as none has been decoded
SECONDS_A_PIXEL = 3e-7  # of a picture that is joined, corrected, compressed and written down: by a CPU, whatever draws


@dataclass(frozen=True)
class Tempo:
    """How long a pack takes: for a model input, and for each pixel that its first stages decode. ``native`` pixels are
    a picture of the size that it draws best."""

    calls: ThroughputEstimate
    native: float
    decoding: ThroughputEstimate = field(default_factory=ThroughputEstimate)

    def seconds_done(self, row: Row) -> float:
        """About how long it took to come so far with ``row``; 0 before the pack's first call."""
        return self._seconds(cost_done(row), pixels_done(row))

    def seconds_left(self, row: Row) -> float:
        """About how long the rest takes, to when the picture is written down; before the first call, the writing
        alone."""
        return self._seconds(cost_left(row), pixels_left(row)) + seconds_to_write(row.request)

    def _seconds(self, inputs: float, pixels: float) -> float:
        decoding = self.decoding.seconds(pixels)
        if decoding is None:
            inputs += INPUTS_TO_DECODE * pixels / self.native
        return (self.calls.seconds(inputs) or 0.0) + (decoding or 0.0)


@dataclass
class Progress:
    """A job's. ``started`` is when it was let in, ``spent`` how many seconds of work its preparation was, and the
    pictures that have left it; ``share`` is what was told last."""

    started: float = field(default_factory=time.monotonic)
    spent: float = 0.0
    share: float = 0.0

    def prepared(self) -> None:
        """Its rows are there."""
        self.spent = time.monotonic() - self.started

    def leave(self, row: Row, tempo: Tempo) -> None:
        """A picture that is drawn, or has failed."""
        self.spent += tempo.seconds_done(row) + seconds_to_write(row.request)

    def report(self, rows: Sequence[Row], tempo: Tempo) -> tuple[float, float]:
        """The share of the time that has passed while ``rows`` are left, 0..1 and never less than before, and how many
        seconds are left at the job's own pace, with others or alone. Not before the first call."""
        done = self.spent + sum(map(tempo.seconds_done, rows))
        left = sum(map(tempo.seconds_left, rows))
        self.share = max(self.share, done / (done + left))
        return self.share, (time.monotonic() - self.started) * left / done


def seconds_to_write(request: Request) -> float:
    """One of its pictures."""
    return SECONDS_A_PIXEL * request.width * request.height
