"""The engine: takes requests in, steps their pictures together, hands events out.

It knows rows, batches and events, and nothing of processes, threads, files or pages. Whoever drives it calls `step`
again and again: the worker process, a test, or a hosted function that has a GPU only for a while.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from studio.engine.batching import Turns, plan
from studio.engine.denoise import Stepped, step_rows
from studio.engine.preview import encode_previews
from studio.errors import JobFailed, NotFinite, PackError, StudioError
from studio.events import Cancelled, Drawn, Event, Failed, Finished, Pixels, Previewed, Queued, Started
from studio.packs.pack import Pack
from studio.requests import Request
from studio.rows import Row
from studio.tasks import find_prepare


@dataclass(frozen=True)
class Limits:
    """``inputs``: most model inputs in one call. ``rows``: most pictures in flight; further jobs wait."""

    inputs: int = 16
    rows: int = 32


@dataclass
class _Job:
    """A request's life in the engine."""

    name: str
    request: Request
    pack: Pack
    started: float = 0.0
    rows: list[Row] = field(default_factory=list)
    error: StudioError | None = None


class Engine:
    """``packs`` by name, already loaded. Not thread-safe: one driver, one engine."""

    def __init__(self, packs: Mapping[str, Pack], limits: Limits | None = None) -> None:
        self._packs, self._limits = packs, limits or Limits()
        self._waiting: deque[_Job] = deque()
        self._running: dict[str, _Job] = {}
        self._turns = Turns()
        self.calls = 0  # model calls so far

    @property
    def has_work(self) -> bool:
        return bool(self._waiting or self._running)

    def submit(self, job: str, request: Request) -> list[Event]:
        """Puts ``request`` in the queue under the name ``job``."""
        pack = self._packs.get(request.pack)
        if pack is None:
            return [
                Failed(job, PackError(f"The pack {request.pack!r} is not loaded; there is {', '.join(self._packs)}."))
            ]
        self._waiting.append(_Job(job, request, pack))
        return [Queued(job, self._ahead_of(job))]

    def cancel(self, job: str, *, keep: bool = False) -> list[Event]:
        """Ends ``job`` now; its rows take no further step.

        With ``keep``, what each unfinished picture was heading for is decoded and reported as drawn. A job that is
        not known, or has already ended, is left alone.
        """
        running = self._running.pop(job, None)
        if running is None:
            known = len(self._waiting)
            self._waiting = deque(waiting for waiting in self._waiting if waiting.name != job)
            return [Cancelled(job), *self._positions()] if len(self._waiting) < known else []
        for row in running.rows:
            self._turns.forget(row)
        events: list[Event] = []
        for row in running.rows if keep else []:
            if row.clean is not None:
                with contextlib.suppress(Exception):  # it is being thrown away; what can be kept of it, is
                    events.append(self._draw(running, row, stopped=True))
        return [*events, Cancelled(job)]

    def step(self) -> list[Event]:
        """Lets waiting jobs in, and takes one model call for as many rows as can share it."""
        events = self._admit()
        rows = [row for job in self._running.values() for row in job.rows]
        batch = plan(self._turns.order(rows), self._limits.inputs)
        self._turns.served(batch)
        return events + self._run(batch)

    def _admit(self) -> list[Event]:
        """Starts waiting jobs, oldest first, while there is room; one that is too large waits for an empty engine."""
        events: list[Event] = []
        in_flight = sum(len(job.rows) for job in self._running.values())
        while self._waiting and (not in_flight or in_flight + self._waiting[0].request.count <= self._limits.rows):
            job = self._waiting.popleft()
            try:
                job.rows = find_prepare(job.request)(job.name, job.request, job.pack)
            except Exception as error:
                events.append(Failed(job.name, _speakable(error)))
                continue
            job.started = time.monotonic()
            self._running[job.name] = job
            in_flight += len(job.rows)
            events.append(Started(job.name, job.pack.cuts(job.request.prompt)))
        return [*events, *self._positions()] if events else []

    def _positions(self) -> list[Event]:
        return [Queued(job.name, self._ahead_of(job.name)) for job in self._waiting]

    def _ahead_of(self, name: str) -> int:
        return len(self._running) + [job.name for job in self._waiting].index(name)

    def _run(self, batch: Sequence[Row]) -> list[Event]:
        """Steps ``batch``; where the call fails, its halves, so that only the row that cannot be stepped ends."""
        if not batch:
            return []
        try:
            self.calls += 1
            stepped = step_rows(batch)
        except Exception as error:
            failure = error
        else:
            return self._settle(batch, stepped)
        if len(batch) == 1:
            return self._fail(batch[0], _speakable(failure))
        middle = len(batch) // 2
        return self._run(batch[:middle]) + self._run(batch[middle:])

    def _settle(self, batch: Sequence[Row], stepped: Stepped) -> list[Event]:
        """Moves every row of ``batch`` on, reports how it looks, and draws those that are done."""
        events: list[Event] = []
        previews = encode_previews(stepped.clean.nan_to_num(), self._running[batch[0].job].pack.preview)
        for place, row in enumerate(batch):
            if not stepped.finite[place]:
                events += self._fail(row, NotFinite(
                    f"Picture {row.index + 1} ran off to infinity at step {row.call + 1}. "
                    "Try another seed, sampler or a lower guidance."
                ))  # fmt: skip
                continue
            row.state, row.clean = stepped.states[place], stepped.clean[place]
            row.call += 1
            events.append(self._preview(row, previews[place]))
            if row.is_done:
                events += self._finish(row)
        return events

    def _finish(self, row: Row) -> list[Event]:
        job = self._running[row.job]
        try:
            drawn = self._draw(job, row)
        except Exception as error:
            return self._fail(row, _speakable(error))
        return [drawn, *self._release(job, row)]

    def _preview(self, row: Row, jpeg: bytes) -> Previewed:
        pace = (time.monotonic() - self._running[row.job].started) / row.call
        return Previewed(row.job, row.index, row.call, row.table.calls, jpeg, pace * (row.table.calls - row.call))

    def _draw(self, job: _Job, row: Row, *, stopped: bool = False) -> Drawn:
        latent = row.clean if stopped else row.latent
        assert latent is not None
        height, width, _ = (pixels := job.pack.decode(latent[None])[0]).shape
        return Drawn(
            job=job.name,
            index=row.index,
            request=row.request,
            model_hash=job.pack.model_hash,
            seconds=time.monotonic() - job.started,
            stopped_at=row.call if stopped else None,
            pixels=Pixels(width, height, pixels.numpy().tobytes()),
        )

    def _fail(self, row: Row, error: StudioError) -> list[Event]:
        """Ends one row; its job goes on with the others and reports the error when they are done."""
        job = self._running[row.job]
        job.error = job.error or error
        return self._release(job, row)

    def _release(self, job: _Job, row: Row) -> list[Event]:
        """Lets a row go; with its last row, the job ends."""
        job.rows = [other for other in job.rows if other is not row]
        self._turns.forget(row)
        if job.rows:
            return []
        del self._running[job.name]
        return [Failed(job.name, job.error) if job.error else Finished(job.name)]


def _speakable(error: Exception) -> StudioError:
    """What a person may be told of ``error``."""
    if isinstance(error, StudioError):
        return error
    return JobFailed(f"The engine could not draw this ({type(error).__name__}: {error}).")
