"""The engine: takes requests in, steps their pictures together, hands events out.

It knows rows, batches and events, and nothing of processes, threads, files or pages. Whoever drives it calls `step`
again and again: the worker process, a test, or a hosted function that has a GPU only for a while.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from studio.engine.batching import Turns, plan
from studio.engine.denoise import Stepped, step_rows
from studio.engine.preview import encode_preview
from studio.errors import JobFailed, NotFinite, OutOfMemory, PackError, QueueFull, StudioError
from studio.events import Cancelled, Drawn, Event, Failed, Finished, Pixels, Previewed, Queued, Started
from studio.packs.pack import Pack
from studio.requests import Request
from studio.rows import Row
from studio.tasks import find_prepare

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """``inputs``: most model inputs in one call, counted at the size that the pack draws best (four times the area
    counts four times). ``rows``: most pictures in flight. ``waiting``: most jobs in the queue; more are refused."""

    inputs: int = 16
    rows: int = 32
    waiting: int = 64


@dataclass
class _Job:
    """A request's life in the engine. ``place`` is what it was last told of the queue."""

    name: str
    request: Request
    pack: Pack
    place: int | None = None
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
            loaded = ", ".join(self._packs)
            return [Failed(job, PackError(f"The pack {request.pack!r} is not loaded; there is {loaded}."))]
        if len(self._waiting) >= self._limits.waiting:
            reason = f"{len(self._waiting)} jobs are waiting already, which is the most. Please try again later."
            return [Failed(job, QueueFull(reason))]
        self._waiting.append(_Job(job, request, pack))
        return self._places()

    def cancel(self, job: str, *, keep: bool = False) -> list[Event]:
        """Ends ``job`` now; its rows take no further step.

        With ``keep``, what each unfinished picture was heading for is decoded and reported as drawn. A job that is
        not known, or has already ended, is left alone.
        """
        running = self._running.pop(job, None)
        if running is None:
            known = len(self._waiting)
            self._waiting = deque(waiting for waiting in self._waiting if waiting.name != job)
            return [Cancelled(job), *self._places()] if len(self._waiting) < known else []
        events: list[Event] = []
        for row in running.rows:
            self._turns.forget(row)
            if keep and row.clean is not None:
                with contextlib.suppress(Exception):  # it is being thrown away; what can be kept of it, is
                    events.append(self._draw(running, row))
        return [*events, Cancelled(job), *self._places()]

    def step(self) -> list[Event]:
        """Lets waiting jobs in, draws one picture that is done, and takes one model call for all that can share it."""
        events = self._admit()
        rows = [row for job in self._running.values() for row in job.rows]
        done = next((row for row in rows if row.is_done), None)
        if done is not None:
            events += self._finish(done)
        batch = plan(self._turns.order(row for row in rows if not row.is_done), self._limits.inputs)
        self._turns.served(batch)
        return [*events, *self._run(batch), *self._places()]

    def _admit(self) -> list[Event]:
        """Starts waiting jobs, oldest first, while there is room; one that is too large waits for an empty engine."""
        events: list[Event] = []
        in_flight = sum(len(job.rows) for job in self._running.values())
        while self._waiting and (not in_flight or in_flight + self._waiting[0].request.count <= self._limits.rows):
            job = self._waiting.popleft()
            try:
                is_prompt_cut = job.pack.cuts(job.request.prompt)
                job.rows = find_prepare(job.request)(job.name, job.request, job.pack)
            except Exception as error:
                events.append(Failed(job.name, _speakable(error)))
                continue
            job.started = time.monotonic()
            self._running[job.name] = job
            in_flight += len(job.rows)
            events.append(Started(job.name, is_prompt_cut))
        return events

    def _places(self) -> list[Event]:
        """Tells every waiting job whose place has changed."""
        events: list[Event] = []
        for ahead, job in enumerate(self._waiting, start=len(self._running)):
            if job.place != ahead:
                job.place = ahead
                events.append(Queued(job.name, ahead))
        return events

    def _run(self, batch: Sequence[Row]) -> list[Event]:
        """Steps ``batch``; where the call fails, its halves, so that only the row that cannot be stepped ends."""
        if not batch:
            return []
        try:
            self.calls += 1
            stepped = step_rows(batch)
        except Exception as error:
            if _is_beyond_repair(error):
                raise
            failure = _speakable(error)  # not the error itself: its frames hold the memory that the retry needs
        else:
            return self._settle(batch, stepped)
        if batch[0].denoiser.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(batch) == 1:
            return self._fail(batch[0], failure)
        middle = len(batch) // 2
        return self._run(batch[:middle]) + self._run(batch[middle:])

    def _settle(self, batch: Sequence[Row], stepped: Stepped) -> list[Event]:
        """Moves every row of ``batch`` on and reports how it looks; those that are not finite end."""
        events: list[Event] = []
        for place, row in enumerate(batch):
            if not stepped.finite[place]:
                problem = f"Picture {row.index + 1} ran off to infinity at model call {row.call + 1}."
                events += self._fail(row, NotFinite(f"{problem} Try another seed, sampler or a lower guidance."))
                continue
            row.state, row.clean = stepped.states[place], stepped.clean[place]
            row.call += 1
            with contextlib.suppress(Exception):  # a picture that cannot be previewed can still be drawn
                events.append(self._preview(row))
        return events

    def _preview(self, row: Row) -> Previewed:
        assert row.clean is not None
        job, calls, steps = self._running[row.job], row.table.calls, row.request.steps
        pace = (time.monotonic() - job.started) / row.call
        jpeg = encode_preview(row.clean, job.pack.preview)
        step = math.ceil(row.call * steps / calls)  # second-order samplers call the model twice a step
        return Previewed(row.job, row.index, step, steps, jpeg, pace * (calls - row.call))

    def _finish(self, row: Row) -> list[Event]:
        job = self._running[row.job]
        try:
            drawn = self._draw(job, row)
        except Exception as error:
            if _is_beyond_repair(error):
                raise
            return self._fail(row, _speakable(error))
        return [drawn, *self._release(job, row)]

    def _draw(self, job: _Job, row: Row) -> Drawn:
        """The picture of a row that is done, or of one that is stopped: where it was heading."""
        latent = row.latent if row.is_done else row.clean
        assert latent is not None
        height, width, _ = (pixels := job.pack.decode(latent[None])[0]).shape
        return Drawn(
            job=job.name,
            index=row.index,
            request=row.request,
            model_hash=job.pack.model_hash,
            seconds=time.monotonic() - job.started,
            stopped_at=None if row.is_done else row.call,
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


def _is_beyond_repair(error: Exception) -> bool:
    """Whether the device itself is lost: every later call would fail, so the process must end and be started again."""
    return isinstance(error, torch.AcceleratorError) and not isinstance(error, torch.OutOfMemoryError)


def _speakable(error: Exception) -> StudioError:
    """What a person may be told of ``error``; the whole of it goes to the log."""
    if isinstance(error, StudioError):
        return error
    logger.error("a row failed", exc_info=error)
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return OutOfMemory("The picture does not fit in memory, even alone. Try a smaller size.")
    return JobFailed(f"The engine could not draw this ({type(error).__name__}); its log says more.")
