"""The engine: takes requests in, steps their pictures together, hands events out.

It knows rows, batches and events, and nothing of processes, threads, files or pages. Whoever drives it calls `step`
again and again: the worker process, a test, or a hosted function that has a GPU only for a while.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from studio.engine.drawn import decode_some, frame, has_picture, levels, picture
from studio.engine.preview import encode_frame, encode_previews
from studio.engine.progress import Progress, Tempo
from studio.engine.row import Part, Row
from studio.engine.scheduler import (
    BatchCapacity,
    FairQueue,
    Limits,
    QueuePositions,
    RoundRobin,
    ThroughputEstimate,
    plan,
    refusal,
)
from studio.engine.step import StepResult, step_rows
from studio.errors import JobFailed, NotFinite, OutOfMemory, PackError, QueueFull, StudioError
from studio.events import Cancelled, Drawn, Event, Failed, Finished, Previewed, Progressed, Started
from studio.images.pixels import Image, Pixels
from studio.models.model import Pack
from studio.prompts import read_prompt
from studio.requests.limits import PRECISIONS
from studio.requests.request import Request
from studio.tasks.cascade import inputs_of, prepare

logger = logging.getLogger(__name__)


class PackKey(NamedTuple):
    """A pack in memory: by its name, and what it computes in. One pack may be there in both precisions."""

    name: str
    precision: str


@dataclass(eq=False)
class _Job:
    """A request's life in the engine. ``inputs`` is about how many model inputs it takes from beginning to end."""

    name: str
    owner: str
    address: str
    request: Request
    pack: Pack
    inputs: float
    images: Mapping[str, Image]
    rows: list[Row] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    error: StudioError | None = None


@dataclass(eq=False)
class _Resident:
    """A pack in memory, how many of its inputs a call holds, how long one takes, and when it was last asked for."""

    pack: Pack
    room: BatchCapacity
    pace: ThroughputEstimate
    used: float = 0.0

    @cached_property
    def tempo(self) -> Tempo:
        return Tempo(self.pace, self.pack.info.size**2)


class Engine:
    """``packs`` by name, already loaded; others may come and go. ``pace`` may know already how long a model input
    takes. Not thread-safe: one driver, one engine."""

    def __init__(
        self,
        packs: Mapping[str, Pack] = MappingProxyType({}),
        limits: Limits | None = None,
        pace: ThroughputEstimate | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._packs: dict[PackKey, _Resident] = {}
        for name, pack in packs.items():
            self.add_pack(name, pack, pace)
        self._waiting: FairQueue[_Job] = FairQueue()
        self._work_waiting: defaultdict[PackKey, float] = defaultdict(float)  # the model inputs of those jobs
        self._running: dict[str, _Job] = {}
        self._row_turns, self._finish_turns = RoundRobin(), RoundRobin()
        self._told: QueuePositions[_Job] = QueuePositions()
        self.calls = 0  # model calls so far
        self.steps = 0  # of all rows
        self.inputs = 0  # of the last call

    @property
    def has_work(self) -> bool:
        return bool(self._waiting or self._running)

    @property
    def rows(self) -> int:
        """Pictures in flight."""
        return sum(len(job.rows) for job in self._running.values())

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return len(self._waiting)

    @property
    def packs(self) -> tuple[PackKey, ...]:
        """Those in memory; who was asked for longest ago comes first."""
        return tuple(sorted(self._packs, key=lambda key: self._packs[key].used))

    def add_pack(self, name: str, pack: Pack, pace: ThroughputEstimate | None = None) -> None:
        key = PackKey(name, pack.precision)
        self._packs[key] = _Resident(
            pack, BatchCapacity(self._limits.inputs), pace or ThroughputEstimate(), time.monotonic()
        )

    def drop_pack(self, key: PackKey) -> bool:
        """Lets a pack go that no job needs; whether it is gone."""
        if any(job.pack is self._packs[key].pack for job in (*self._waiting, *self._running.values())):
            return False
        del self._packs[key]
        return True

    def submit(
        self,
        job: str,
        request: Request,
        owner: str = "",
        images: Mapping[str, Image] = MappingProxyType({}),
        address: str = "",
    ) -> list[Event]:
        """Puts ``request`` in the queue under the name ``job``. Owners take turns; one may have many jobs.

        ``address`` is where the owner asks from: names can be invented, addresses less easily. ``images`` are those
        that the request names, by their digests. A request that asks for no precision gets that of its pack in memory,
        and its pictures' recipes say which.
        """
        resident = self._resident(request)
        if resident is None:
            loaded = ", ".join(" in precision ".join(key) for key in self._packs)
            return [Failed(job, PackError(f"The pack {request.pack!r} is not loaded; there is {loaded}."))]
        pack, resident.used = resident.pack, time.monotonic()
        request = replace(request, precision=pack.precision)
        if request.TASK not in pack.info.tasks:
            return [Failed(job, PackError(f"The pack {pack.info.title} cannot do this; choose another one."))]
        if refusal := self._refusal(owner, address):
            return [Failed(job, refusal)]
        try:
            inputs = inputs_of(request, pack)
        except StudioError as error:  # the pack cannot do this at all
            return [Failed(job, error)]
        waiting = _Job(job, owner, address, request, pack, inputs, images)
        self._waiting.add(waiting)
        self._work_waiting[_key(request)] += inputs
        in_front = len(self._running)
        return [*self._places(), *self._told.first(waiting, self._waiting, in_front, self._seconds_of_all())]

    def _resident(self, request: Request) -> _Resident | None:
        precisions = (request.precision,) if request.precision else PRECISIONS
        found = (self._packs.get(PackKey(request.pack, precision)) for precision in precisions)
        return next((resident for resident in found if resident is not None), None)

    def _refusal(self, owner: str, address: str) -> QueueFull | None:
        """Why no further job is taken from ``owner`` at ``address``; None if it is."""
        return refusal(self._limits, self._waiting.crowd(owner, address), self._seconds_of_all)

    def cancel(self, job: str, *, keep: bool = False) -> list[Event]:
        """Ends ``job`` now; its rows take no further step.

        With ``keep``, what each unfinished picture was heading for is decoded and reported as drawn. A job that is
        not known, or has already ended, is left alone.
        """
        running = self._running.pop(job, None)
        if running is None:
            return [Cancelled(job), *self._places()] if self._leave(job) else []
        events: list[Event] = []
        for row in running.rows:
            self._row_turns.forget(row)
            if keep and has_picture(row):
                with contextlib.suppress(Exception):  # it is being thrown away; what can be kept of it, is
                    events.append(self._draw(running, row))
        return [*events, Cancelled(job), *self._places()]

    def step(self) -> list[Event]:
        """Lets waiting jobs in, decodes some of a picture that is done, and takes one model call for all that can share
        it."""
        events = self._admit()
        rows = [row for job in self._running.values() for row in job.rows]
        if done := self._finish_turns.order(row for row in rows if row.is_done):
            self._finish_turns.served(done[:1])
            self._finish_turns.forget(done[0])  # it is owners who take turns; one picture of each after the other
            events += self._finish(done[0])
        ready = self._row_turns.order(row for row in rows if not row.is_done)
        batch = plan(ready, self._resident_of(ready[0]).room.inputs) if ready else []
        self._row_turns.served(batch)
        return [*events, *self._run(batch), *self._places()]

    def _admit(self) -> list[Event]:
        """Starts waiting jobs while there is room; one that is too large waits for an empty engine."""
        events: list[Event] = []
        in_flight = self.rows
        while (job := self._waiting.first) is not None:
            if in_flight and in_flight + job.request.count > self._limits.rows:
                break
            self._leave(job.name)
            job.progress = Progress()
            try:
                job.rows = prepare(job.name, job.request, job.pack, job.images)
                started = self._started(job)
            except Exception as error:
                events.append(Failed(job.name, _as_studio_error(error)))
                continue
            for row in job.rows:
                row.owner = job.owner
            self._waiting.served(job.owner)
            job.progress.prepared()
            self._running[job.name] = job
            in_flight += len(job.rows)
            events.append(started)
        return events

    def _started(self, job: _Job) -> Started:
        pack, request, resident = job.pack, job.request, self._packs[_key(job.request)]
        is_known = resident.pace.seconds_per_input is not None
        seconds = sum(map(resident.tempo.seconds_left, job.rows)) if is_known else None
        unknown, replaced = pack.unknown_words(request.words), pack.replaced_words(request.words)
        lacks_words = request.needs_words and pack.reads_words and not read_prompt(request.words).words
        return Started(job.name, pack.cuts(request.caption), unknown, seconds, replaced, lacks_words=lacks_words)

    def _leave(self, job: str) -> bool:
        """Takes a job out of the queue, if it is there."""
        left = self._waiting.remove(job)
        if left is not None:
            self._work_waiting[_key(left.request)] -= left.inputs
            self._told.forget(job)
        return left is not None

    def _places(self) -> list[Event]:
        """Tells waiting jobs whose place has changed."""
        seconds = self._seconds_of(self._work_running())
        return [*self._told.news(self._waiting, len(self._running), seconds, self._seconds_of_job)]

    def _seconds_of_job(self, job: _Job) -> float | None:
        return self._packs[_key(job.request)].pace.seconds(job.inputs)

    def _seconds_of_all(self) -> float | None:
        """About how long all that runs or waits will take; None while nobody can know."""
        work = self._work_running()
        for key, inputs in self._work_waiting.items():
            work[key] += inputs
        return self._seconds_of(work)

    def _work_running(self) -> defaultdict[PackKey, float]:
        """The model inputs that are left of all jobs in flight."""
        work: defaultdict[PackKey, float] = defaultdict(float)
        for job in self._running.values():
            work[_key(job.request)] += sum(row.cost_left for row in job.rows)
        return work

    def _seconds_of(self, work: Mapping[PackKey, float]) -> float | None:
        """How long model inputs take; None while nobody can know."""
        paces = {key: resident.pace for key, resident in self._packs.items()}
        taken = [paces[key].seconds(inputs) for key, inputs in work.items() if key in paces]
        is_known = any(pace.seconds_per_input is not None for pace in paces.values())
        return sum(each for each in taken if each is not None) if is_known and None not in taken else None

    def _resident_of(self, row: Row) -> _Resident:
        return self._packs[_key(self._running[row.job].request)]

    def _run(self, batch: Sequence[Row]) -> list[Event]:
        """Steps ``batch``; where the call fails, its halves, so that only the row that cannot be stepped ends."""
        if not batch:
            return []
        cost, resident = sum(row.cost for row in batch), self._resident_of(batch[0])
        begun = time.perf_counter()
        try:
            self.calls += 1
            self.inputs = sum(row.inputs for row in batch)
            stepped = step_rows(batch, _padding(batch[0], resident.room) if self._limits.strict else None)
        except Exception as error:
            if _is_beyond_repair(error):
                raise
            failure = _as_studio_error(error)  # not the error itself: its frames hold the memory that the retry needs
        else:
            resident.pace.took(time.perf_counter() - begun, cost)
            resident.room.fitted()
            return self._settle(batch, stepped)
        if batch[0].denoiser.device.type == "cuda":
            torch.cuda.empty_cache()
        if isinstance(failure, OutOfMemory):
            resident.room.did_not_fit(cost)
            logger.warning("out of memory at %.1f inputs; calls hold %.1f from now on", cost, resident.room.inputs)
        if len(batch) == 1:
            return self._fail(batch[0], failure)
        middle = len(batch) // 2
        return self._run(batch[:middle]) + self._run(batch[middle:])

    def _settle(self, batch: Sequence[Row], results: Sequence[StepResult | Part]) -> list[Event]:
        """Moves every row of ``batch`` on and reports how it looks; those that are not finite end."""
        events: list[Event] = []
        moved: dict[torch.Size, list[Row]] = {}
        for row, result in zip(batch, results, strict=True):
            if isinstance(result, Part):
                row.parts.append(result)
                events.append(self._progressed(row, row.tiles_done, len(row.tiling.places)))
            elif not result.is_finite:
                problem = NotFinite(
                    f"Picture {row.index + 1} ran off to infinity at model call {row.call + 1}. "
                    "Try another seed, sampler or a lower guidance."
                )
                events += self._fail(row, problem)
            else:
                row.move(result.state, result.x0)
                self.steps += 1
                moved.setdefault(row.latent.shape, []).append(row)
        for rows in moved.values():
            with contextlib.suppress(Exception):  # a picture that cannot be previewed can still be drawn
                events += self._preview(rows)
        return events

    def _preview(self, rows: Sequence[Row]) -> list[Event]:
        """How ``rows`` look now; they have one size and one denoiser."""
        x0 = torch.stack([row.x0 for row in rows if row.x0 is not None])
        jpegs = encode_previews(x0, rows[0].denoiser.first_stage.preview, [row.small for row in rows])
        return [self._previewed(row, jpeg) for row, jpeg in zip(rows, jpegs, strict=True)]

    def _previewed(self, row: Row, jpeg: bytes) -> Previewed:
        """``jpeg`` is what the linear decoder made; a frame of a trajectory is worth decoding in full."""
        is_frame = row.request.trajectory
        if is_frame:
            try:
                jpeg = encode_frame(frame(row))
            except Exception:
                logger.exception("a trajectory lacks a frame")
                is_frame = False
        share, seconds = self._how_far(row)
        return Previewed(row.job, row.index, row.step, row.steps, jpeg, seconds, is_frame, share)

    def _progressed(self, row: Row, tiles: int, all_tiles: int) -> Progressed:
        return Progressed(row.job, row.index, tiles, all_tiles, *self._how_far(row))

    def _how_far(self, row: Row) -> tuple[float, float]:
        """How far the job of ``row`` is: see `Progress.told`."""
        job = self._running[row.job]
        return job.progress.told(job.rows, self._resident_of(row).tempo)

    def _finish(self, row: Row) -> list[Event]:
        """Decodes some of a row that is done; after the last piece its picture is drawn, or its next stage begins."""
        job = self._running[row.job]
        begun, pixels = time.perf_counter(), row.pixels_done
        try:
            is_decoded = decode_some(row)
            if row.pixels_done > pixels:
                self._resident_of(row).tempo.decoding.took(time.perf_counter() - begun, row.pixels_done - pixels)
            if not is_decoded:
                return [self._progressed(row, len(row.decoded), len(row.pieces.places))]
            if row.stage is not None and row.stage.then is not None:
                self._replace(job, row, row.stage.then(levels(row)))
                return []
            drawn = self._draw(job, row)
        except Exception as error:
            if _is_beyond_repair(error):
                raise
            return self._fail(row, _as_studio_error(error))
        return [drawn, *self._release(job, row)]

    def _replace(self, job: _Job, row: Row, following: Row) -> None:
        """The next stage of a picture goes on in the place of the one that is done."""
        following.owner = row.owner
        job.rows = [following if other is row else other for other in job.rows]
        self._row_turns.forget(row)

    def _draw(self, job: _Job, row: Row) -> Drawn:
        """The picture of a row that is done, or of one that is stopped: where it was heading."""
        drawn = picture(row)
        return Drawn(
            job=job.name,
            index=row.index,
            request=row.request,
            model_hash=job.pack.model_hash,
            seconds=time.monotonic() - job.progress.started,
            stopped_at=None if row.is_whole else row.step,
            pixels=Pixels.of(drawn),
            similarity=_similarity(job, drawn),
            revision=job.pack.revision,
        )

    def _fail(self, row: Row, error: StudioError) -> list[Event]:
        """Ends one row; its job goes on with the others and reports the error when they are done."""
        job = self._running[row.job]
        job.error = job.error or error
        return self._release(job, row)

    def _release(self, job: _Job, row: Row) -> list[Event]:
        """Lets a row go; with its last row, the job ends."""
        job.progress.leave(row, self._resident_of(row).tempo)
        job.rows = [other for other in job.rows if other is not row]
        self._row_turns.forget(row)
        if job.rows:
            return []
        del self._running[job.name]
        return [Failed(job.name, job.error) if job.error else Finished(job.name)]


def _key(request: Request) -> PackKey:
    """Of a request that was taken, and so says its precision."""
    return PackKey(request.pack, request.precision)


def _padding(row: Row, room: BatchCapacity) -> int:
    """How many inputs of this row's size a call has in strict mode: always the same, and never fewer than two."""
    return max(2, int(room.inputs * row.inputs / row.cost))


def _similarity(job: _Job, picture: NDArray[np.uint8]) -> float | None:
    """How well one of several pictures shows what all of them should; None where nobody can tell."""
    if job.request.count == 1:
        return None
    try:
        return job.pack.similarity(picture, job.request.shows)
    except Exception:  # the picture is worth more than its score
        logger.exception("a picture could not be compared with its words")
        return None


def _is_beyond_repair(error: Exception) -> bool:
    """Whether every later call would fail, too, so that the process must end and be started again: a GPU that is lost,
    or oneDNN, which never recovers once it could not get memory for the code that it generates."""
    if isinstance(error, torch.AcceleratorError):
        return not isinstance(error, torch.OutOfMemoryError)
    return isinstance(error, RuntimeError) and "could not create a primitive" in str(error)


def _as_studio_error(error: Exception) -> StudioError:
    """What a person may be told of ``error``; the whole of it goes to the log."""
    if isinstance(error, StudioError):
        return error
    logger.error("a row failed", exc_info=error)
    if _is_out_of_memory(error):
        return OutOfMemory("The picture does not fit in memory, even alone. Try a smaller size.")
    return JobFailed(f"The engine could not draw this ({type(error).__name__}); its log says more.")


def _is_out_of_memory(error: Exception) -> bool:
    """torch's allocator for the CPU raises a plain RuntimeError."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
