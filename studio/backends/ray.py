"""Engines on many GPUs or machines, as actors of a Ray cluster, in place of the one process on this machine.

Each replica is an `Engine` that steps batches of its own, in a process that Ray starts where there is a GPU (or cores).
All jobs wait here, in one line, and are placed by `studio.backends.placing`; what a replica draws comes back in its
stream of messages. A replica that dies, or says nothing for too long, is replaced, and what it was drawing goes to
another one: the same seed makes the same picture, and those pictures that had come are not sent on twice.

Actors rather than Serve's deployments: a job is a stream that can be stopped, placed by what is in a replica's memory,
and never retried by anybody but us.
"""

from __future__ import annotations

import contextlib
import logging
import math
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import ray

from studio.backends.messages import (
    Alive,
    Broken,
    Cancel,
    Command,
    Embed,
    Embedded,
    LoadPack,
    Message,
    Packs,
    Ready,
    Submit,
    WorkerOptions,
)
from studio.backends.placing import Demand, Placement, Scale, Site, demand_of
from studio.backends.replica import TICK_SECONDS, Cluster, ReplicaHandle, pulse, ready, states
from studio.engine.scheduler import QueuePositions, refusal
from studio.errors import EngineStopped, PackError
from studio.events import ENDS, Cancelled, Drawn, Event, Failed, Finished, Previewed, Progressed, Queued, Started
from studio.models.catalogue import PackInfo

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
LOADING_SECONDS = 15.0  # that a pack takes to load, as placing assumes it
FIRST_PACE = 0.05  # seconds a model input, until a replica has drawn something
MOST_LIVES = 3  # replicas that may die while they draw one job
MOST_STARTS = 5  # of replicas one after the other that were never ready
NO_LIMIT = 10**9


@dataclass(eq=False)
class _Job:
    """``site`` is where it is drawn, None while it waits; ``drawn`` are the pictures that have come; ``lost`` how often
    it was on a replica that died."""

    command: Submit
    demand: Demand
    site: str | None = None
    drawn: set[int] = field(default_factory=set)
    has_started: bool = False
    is_cancelled: bool = False
    lost: int = 0

    @property
    def name(self) -> str:
        return self.command.job

    @property
    def owner(self) -> str:
        return self.command.owner

    @property
    def address(self) -> str:
        return self.command.address


News: TypeAlias = "tuple[str, Command | Message | None]"  # from whom; "" is the studio, and None the end
CLIENT = ""


class RayEngines:
    """In place of an `EngineProcess`: ``scale`` says how many replicas there may be, ``address`` where the cluster is;
    empty begins one on this machine.

    One thread does everything, one piece of news after the other; others only bring them. Its methods are the kinds of
    news, which share one state without a lock; what is Ray's own is in `studio.backends.replica`.
    """

    def __init__(
        self,
        options: WorkerOptions,
        on_message: Callable[[Message], None],
        on_end: Callable[[], None],
        *,
        scale: Scale,
        address: str = "",
    ) -> None:
        self._options, self._on_message, self._on_end = options, on_message, on_end
        self._scale = scale
        self._limits = options.limits
        # The line is here; a replica takes whatever it is sent.
        unlimited = replace(options.settings, queue=NO_LIMIT, each=NO_LIMIT, each_address=NO_LIMIT)
        self._cluster = Cluster(replace(options, settings=unlimited), address, scale.most)
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._engines: dict[str, ReplicaHandle] = {}
        self._jobs: dict[str, _Job] = {}
        self._looks: dict[str, str] = {}  # which replica was asked to look
        self._placement: Placement[_Job] = Placement(LOADING_SECONDS)
        self._places: QueuePositions[_Job] = QueuePositions()
        self._loads: list[PackInfo] = []  # asked for before there was anybody to load them
        self._ticked = 0.0
        self._number = 0
        self._false_starts = 0  # replicas that ended before they were ready, one after the other
        self._is_closing = False
        self._thread = threading.Thread(target=self._live, daemon=True, name="ray engines")
        self._thread.start()

    def send(self, command: Command | None) -> None:
        self._news.put((CLIENT, command))

    def close(self) -> None:
        self.send(None)
        self._thread.join()

    def _live(self) -> None:
        try:
            self._cluster.connect()
            for _ in range(self._scale.fewest):
                self._start()
            while not self._is_closing:
                with contextlib.suppress(queue.Empty):
                    self._take(*self._news.get(timeout=TICK_SECONDS))
                if time.monotonic() - self._ticked >= TICK_SECONDS:
                    self._tick()
        except Exception:
            logger.exception("the engines on Ray cannot go on")
            self._on_message(Broken(EngineStopped("Ray cannot be reached or has ended; the log says more.")))
        for engine in self._engines.values():
            engine.end()
        self._cluster.leave()
        self._on_end()

    def _start(self) -> None:
        """One more replica."""
        self._number += 1
        name, now = f"replica {self._number}", time.monotonic()
        actor = self._cluster.start(name, lambda message: self._news.put((name, message)))
        self._engines[name] = ReplicaHandle(actor, Site(name, FIRST_PACE, self._limits.rows), now, now)

    def _take(self, who: str, news: Command | Message | None) -> None:
        if who == CLIENT:
            self._handle_command(news)  # type: ignore[arg-type]
        elif who in self._engines:
            if news is None:
                self._lose(who)
            else:
                self._engines[who].heard = time.monotonic()
                self._hear(who, news)  # type: ignore[arg-type]
        self._place()

    def _handle_command(self, command: Command | None) -> None:
        match command:
            case None:
                self._is_closing = True
            case Submit():
                self._submit(command)
            case Cancel(job=name, keep=keep):
                self._cancel(name, keep)
            case LoadPack(pack=pack):
                self._load(pack)
            case Embed():
                self._look(command)

    def _submit(self, command: Submit) -> None:
        crowd = self._placement.line.crowd(command.owner, command.address)
        if refused := refusal(self._limits, crowd, self._seconds):
            self._tell(Failed(command.job, refused))
            return
        job = self._jobs[command.job] = _Job(command, demand_of(command.request, command.pack))
        self._placement.add(job)
        self._tell(*self._queued(), *self._places.first(job, self._placement.line, self._in_front, self._seconds()))

    def _cancel(self, name: str, keep: bool) -> None:
        job = self._jobs.get(name)
        if job is None:
            return
        job.is_cancelled = True
        if job.site is not None:
            self._engines[job.site].actor.send.remote(Cancel(name, keep))
            return
        self._forget(job)
        self._tell(Cancelled(name), *self._queued())

    def _load(self, pack: PackInfo) -> None:
        """On the replica with the least to do, unless one has it."""
        engines = [engine for engine in self._engines.values() if engine.is_ready]
        if not engines:
            self._loads.append(pack)
        elif not any(pack.name in engine.site.packs for engine in engines):
            min(engines, key=lambda engine: engine.site.seconds_left).actor.send.remote(LoadPack(pack))

    def _look(self, command: Embed) -> None:
        engine = min(
            (engine for engine in self._engines.values() if engine.is_ready),
            key=lambda engine: engine.site.seconds_left,
            default=None,
        )
        if engine is None:
            self._on_message(Embedded(command.name, "", (), PackError("No engine is there yet.")))
            return
        self._looks[command.name] = engine.site.name
        engine.actor.send.remote(command)

    def _hear(self, who: str, message: Message) -> None:
        engine = self._engines[who]
        match message:
            case Ready(device=device, inputs=inputs):
                self._false_starts = 0
                engine.is_ready, engine.device, engine.inputs = True, device, inputs
                self._placement.sites[who] = engine.site
                self._on_message(ready(self._engines.values()))
                for pack in self._loads:
                    self._load(pack)
                self._loads.clear()
            case Broken():
                engine.heard = -math.inf  # it is of no use, and ends by itself
                self._false_starts = MOST_STARTS
                self._on_message(message)
            case Packs(states=of_replica):
                engine.packs = dict(of_replica)
                engine.site.packs = {
                    name for name, state in of_replica.items() if state.status in ("resident", "loading")
                }
                self._on_message(Packs(states(self._engines.values())))
            case Alive():
                engine.pulse = message
            case Embedded():
                self._looks.pop(message.name, None)
                self._on_message(message)
            case list():
                self._tell(*(event for each in message for event in self._heard(who, each)))

    def _heard(self, who: str, event: Event) -> list[Event]:
        """What of a replica's event goes on: places are told here, and no picture twice."""
        job = self._jobs.get(event.job)
        if job is None or job.site != who or isinstance(event, Queued):
            return []
        if isinstance(event, Started):
            again, job.has_started = job.has_started, True
            return [replace(event, is_again=again)]
        if isinstance(event, (Progressed, Previewed, Drawn)) and event.index in job.drawn:
            return []
        if isinstance(event, Drawn):
            job.drawn.add(event.index)
            self._engines[who].drew(job.demand)
        if isinstance(event, ENDS):
            self._forget(job)
        return [event]

    def _forget(self, job: _Job) -> None:
        self._jobs.pop(job.name, None)
        self._places.forget(job.name)
        if job.site is None:
            self._placement.leave(job.name)
        elif job.site in self._engines:
            engine = self._engines[job.site]
            engine.site.release(job.name)
            engine.idle = time.monotonic()

    def _place(self) -> None:
        for job, site in self._placement.place():
            job.site = site.name
            self._places.forget(job.name)
            engine = self._engines[site.name]
            if len(site.jobs) == 1:
                engine.drawn = time.monotonic()
            engine.actor.send.remote(job.command)

    def _lose(self, who: str) -> None:
        """What a replica was drawing goes back to the front of the line; a job that more than one died of ends."""
        engine = self._engines.pop(who)
        self._placement.sites.pop(who, None)
        for name in [name for name, site in self._looks.items() if site == who]:
            del self._looks[name]
            self._on_message(Embedded(name, "", (), PackError("The engine ended while it looked.")))
        if not engine.is_ready:
            self._false_starts += 1
        if engine.site.is_draining and not engine.site.jobs:
            return
        for job in [self._jobs[name] for name in engine.site.jobs if name in self._jobs]:
            job.site, job.lost = None, job.lost + 1
            if job.is_cancelled:
                self._jobs.pop(job.name)
                self._tell(Cancelled(job.name))
            elif len(job.drawn) == job.command.request.count:
                self._jobs.pop(job.name)
                self._tell(Finished(job.name))
            elif job.lost >= MOST_LIVES:
                self._jobs.pop(job.name)
                lost = EngineStopped(
                    "{count} engines ended while they were drawing this, so it is not tried again.", count=MOST_LIVES
                )
                self._tell(Failed(job.name, lost))
            else:
                self._placement.add(job, first=True)
        self._tell(*self._queued())
        if self._false_starts >= MOST_STARTS and not any(engine.is_ready for engine in self._engines.values()):
            raise PackError("No replica of the engine can be started.")
        if len(self._engines) < self._scale.fewest:
            self._start()

    def _tick(self) -> None:
        """Once a second: who says nothing is ended, and there are as many replicas as are needed."""
        now = self._ticked = time.monotonic()
        patience = self._options.settings.patience
        for name, engine in list(self._engines.items()):
            if patience and engine.is_ready and now - engine.heard > patience:
                logger.error("%s has said nothing for %g s and is ended", name, patience)
                ray.kill(engine.actor)
            engine.site.pace = engine.throughput.seconds_per_input or FIRST_PACE
        self._on_message(pulse(self._engines.values(), len(self._placement.line)))
        self._tell(*self._queued())
        self._rescale(now)

    def _rescale(self, now: float) -> None:
        living = [engine for engine in self._engines.values() if not engine.site.is_draining]
        idle = [now - engine.idle for engine in living if engine.is_ready and not engine.site.jobs]
        waiting = self._placement.seconds if len(self._placement.line) else 0.0
        wanted = self._scale.wanted(len(living), waiting if math.isfinite(waiting) else 0.0, idle)
        for _ in range(wanted - len(living)):
            self._start()
        spare = sorted((each for each in living if each.is_ready and not each.site.jobs), key=lambda each: each.idle)
        for engine in spare[: max(0, len(living) - wanted)]:
            engine.site.is_draining = True
            engine.end()

    @property
    def _in_front(self) -> int:
        return sum(job.site is not None for job in self._jobs.values())

    def _seconds(self) -> float | None:
        """How long all that is drawn or waits will take; None while nobody can know."""
        return self._placement.seconds if math.isfinite(self._placement.seconds) else None

    def _queued(self) -> list[Event]:
        sites = self._placement.sites.values()
        paces = [site.pace for site in sites]
        pace = sum(paces) / len(paces) ** 2 if paces else None  # of all of them together
        drawing = sum(site.seconds_left for site in sites) / len(paces) if paces else None
        return [
            *self._places.news(
                self._placement.line,
                self._in_front,
                drawing,
                lambda job: None if pace is None else pace * job.demand.inputs,
            )
        ]

    def _tell(self, *events: Event) -> None:
        if events:
            self._on_message([*events])
