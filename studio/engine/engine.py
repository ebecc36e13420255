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
from dataclasses import replace
from types import MappingProxyType

import torch

from studio.engine.drawn import decode_some, has_picture, levels
from studio.engine.effort import cost_left, pixels_done
from studio.engine.failures import as_studio_error, is_beyond_repair
from studio.engine.job import Job
from studio.engine.preview import encode_previews
from studio.engine.progress import Progress
from studio.engine.residents import PackKey, Residents
from studio.engine.row import Part, Row
from studio.engine.scheduler import Limits, RoundRobin, ThroughputEstimate, plan
from studio.engine.step import StepResult, step_rows
from studio.engine.waiting import WaitingJobs
from studio.errors import NotFinite, OutOfMemory, PackError, StudioError
from studio.events import Cancelled, Event, Failed, Finished
from studio.images.pixels import Image
from studio.models.model import Pack
from studio.requests.request import Request
from studio.tasks.cascade import inputs_of, prepare

logger = logging.getLogger(__name__)


class Engine:
    """``packs`` by name, already loaded; others may come and go. ``throughput`` may know already how long a model input
    takes. Not thread-safe: one driver, one engine."""

    def __init__(
        self,
        packs: Mapping[str, Pack] = MappingProxyType({}),
        limits: Limits | None = None,
        throughput: ThroughputEstimate | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._residents = Residents(self._limits.inputs)
        for name, pack in packs.items():
            self.add_pack(name, pack, throughput)
        self._waiting = WaitingJobs(self._limits, self._residents)
        self._running: dict[str, Job] = {}
        self._row_turns, self._finish_turns = RoundRobin(), RoundRobin()
        self.calls = 0  # model calls so far
        self.steps = 0  # of all rows
        self.inputs = 0  # of the last call

    @property
    def has_work(self) -> bool:
        return bool(len(self._waiting) or self._running)

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
        return self._residents.keys

    def add_pack(self, name: str, pack: Pack, throughput: ThroughputEstimate | None = None) -> None:
        self._residents.add(name, pack, throughput)

    def drop_pack(self, key: PackKey) -> bool:
        """Lets a pack go that no job needs; whether it is gone."""
        if any(job.pack is self._residents[key].pack for job in (*self._waiting, *self._running.values())):
            return False
        self._residents.drop(key)
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
        resident = self._residents.find(request)
        if resident is None:
            loaded = ", ".join(" in precision ".join(key) for key in self.packs)
            return [
                Failed(
                    job,
                    PackError(
                        "The pack {pack} is not loaded; there is {loaded}.", pack=repr(request.pack), loaded=loaded
                    ),
                )
            ]
        pack, resident.used = resident.pack, time.monotonic()
        request = replace(request, precision=pack.precision)
        if not pack.info.serves(type(request)):
            return [Failed(job, PackError("The pack {pack} cannot do this; choose another one.", pack=pack.info.title))]
        running = self._inputs_left()
        if refusal := self._waiting.refusal(owner, address, running):
            return [Failed(job, refusal)]
        try:
            inputs = inputs_of(request, pack)
        except StudioError as error:  # the pack cannot do this at all
            return [Failed(job, error)]
        waiting = Job(job, owner, address, request, resident, inputs, images)
        return self._waiting.add(waiting, len(self._running), running)

    def cancel(self, job: str, *, keep: bool = False) -> list[Event]:
        """Ends ``job`` now; its rows take no further step.

        With ``keep``, what each unfinished picture was heading for is decoded and reported as drawn. A job that is
        not known, or has already ended, is left alone.
        """
        running = self._running.pop(job, None)
        if running is None:
            return [Cancelled(job), *self._news()] if self._waiting.remove(job) else []
        events: list[Event] = []
        for row in running.rows:
            self._row_turns.forget(row)
            if keep and has_picture(row):
                with contextlib.suppress(Exception):  # it is being thrown away; what can be kept of it, is
                    events.append(running.drawn(row))
        return [*events, Cancelled(job), *self._news()]

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
        batch = plan(ready, self._job_of(ready[0]).resident.capacity.inputs) if ready else []
        self._row_turns.served(batch)
        return [*events, *self._run(batch), *self._news()]

    def _admit(self) -> list[Event]:
        """Starts waiting jobs while there is room; one that is too large waits for an empty engine."""
        events: list[Event] = []
        in_flight = self.rows
        while (job := self._waiting.first) is not None:
            if in_flight and in_flight + job.request.count > self._limits.rows:
                break
            self._waiting.remove(job.name)
            job.progress = Progress()
            try:
                job.rows = prepare(job.name, job.request, job.pack, job.images)
                started = job.started()
            except Exception as error:
                events.append(Failed(job.name, as_studio_error(error)))
                continue
            for row in job.rows:
                row.owner = job.owner
            self._waiting.served(job.owner)
            job.progress.prepared()
            self._running[job.name] = job
            in_flight += len(job.rows)
            events.append(started)
        return events

    def _news(self) -> list[Event]:
        """To waiting jobs whose place has changed."""
        return self._waiting.news(len(self._running), self._inputs_left())

    def _inputs_left(self) -> dict[PackKey, float]:
        """The model inputs that all jobs in flight still need, by their packs."""
        left: defaultdict[PackKey, float] = defaultdict(float)
        for job in self._running.values():
            left[job.key] += sum(map(cost_left, job.rows))
        return left

    def _job_of(self, row: Row) -> Job:
        return self._running[row.job]

    def _run(self, batch: Sequence[Row]) -> list[Event]:
        """Steps ``batch``; where the call fails, its halves, so that only the row that cannot be stepped ends."""
        if not batch:
            return []
        cost, resident = sum(row.cost for row in batch), self._job_of(batch[0]).resident
        begun = time.perf_counter()
        try:
            self.calls += 1
            self.inputs = sum(row.inputs for row in batch)
            stepped = step_rows(batch, resident.padding(batch[0]) if self._limits.strict else None)
        except Exception as error:
            if is_beyond_repair(error):
                raise
            failure = as_studio_error(error)  # not the error itself: its frames hold the memory that the retry needs
        else:
            resident.throughput.took(time.perf_counter() - begun, cost)
            resident.capacity.fitted()
            return self._settle(batch, stepped)
        if batch[0].denoiser.device.type == "cuda":
            torch.cuda.empty_cache()
        if isinstance(failure, OutOfMemory):
            resident.capacity.did_not_fit(cost)
            logger.warning("out of memory at %.1f inputs; calls hold %.1f from now on", cost, resident.capacity.inputs)
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
                events.append(self._job_of(row).progressed(row, row.tiles_done, len(row.tiling.places)))
            elif not result.is_finite:
                problem = NotFinite(
                    "Picture {number} ran off to infinity at model call {call}. Try another seed, sampler or a lower "
                    "guidance.",
                    number=row.index + 1,
                    call=row.call + 1,
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
        return [self._job_of(row).previewed(row, jpeg) for row, jpeg in zip(rows, jpegs, strict=True)]

    def _finish(self, row: Row) -> list[Event]:
        """Decodes some of a row that is done; after the last piece its picture is drawn, or its next stage begins."""
        job = self._job_of(row)
        begun, pixels = time.perf_counter(), pixels_done(row)
        try:
            is_decoded = decode_some(row)
            if pixels_done(row) > pixels:
                job.resident.tempo.decoding.took(time.perf_counter() - begun, pixels_done(row) - pixels)
            if not is_decoded:
                return [job.progressed(row, len(row.decoded), len(row.pieces.places))]
            if row.stage is not None and row.stage.then is not None:
                job.replace(row, row.stage.then(levels(row)))
                self._row_turns.forget(row)
                return []
            drawn = job.drawn(row)
        except Exception as error:
            if is_beyond_repair(error):
                raise
            return self._fail(row, as_studio_error(error))
        return [drawn, *self._release(job, row)]

    def _fail(self, row: Row, error: StudioError) -> list[Event]:
        """Ends one row; its job goes on with the others and reports the error when they are done."""
        job = self._job_of(row)
        job.error = job.error or error
        return self._release(job, row)

    def _release(self, job: Job, row: Row) -> list[Event]:
        """Lets a row go; with its last row, the job ends."""
        job.leave(row)
        self._row_turns.forget(row)
        if job.rows:
            return []
        del self._running[job.name]
        return [Failed(job.name, job.error) if job.error else Finished(job.name)]
