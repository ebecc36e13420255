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
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

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
from studio.backends.worker import begin, serving
from studio.engine.scheduler import QueuePositions, ThroughputEstimate, refusal
from studio.errors import EngineStopped, PackError
from studio.events import ENDS, Cancelled, Drawn, Event, Failed, Finished, Previewed, Progressed, Queued, Started
from studio.logs import write_log
from studio.models.catalogue import PackInfo, PackState
from studio.settings import path_for_children

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
TICK_SECONDS = 1.0
LOADING_SECONDS = 15.0  # that a pack takes to load, as placing assumes it
FIRST_PACE = 0.05  # seconds a model input, until a replica has drawn something
MOST_LIVES = 3  # replicas that may die while they draw one job
MOST_STARTS = 5  # of replicas one after the other that were never ready
NO_LIMIT = 10**9
STATUSES = ("resident", "loading", "failed", "available")  # of a pack on several replicas, the best first


class Replica:
    """The actor: an engine and its loop. One thread of it serves, one takes commands, in the order in which they were
    sent, and one answers which process it is."""

    def __init__(self, options: WorkerOptions) -> None:
        write_log(options.settings.log)
        self._options = options
        self._inbox: queue.SimpleQueue[Command | None] = queue.SimpleQueue()

    @ray.method(concurrency_group="stream")  # type: ignore[untyped-decorator]
    def messages(self) -> Iterator[Message]:
        """All that the engine says, to its end."""
        began: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=lambda: began.put(begin(self._options)), daemon=True).start()
        while True:
            try:
                residency, messages = began.get(timeout=TICK_SECONDS)
                break
            except queue.Empty:  # a sign of life while a pack is loaded
                yield Alive()
        rest = () if residency is None else serving(residency, self._inbox, self._options.settings.patience)
        yield from (message for message in chain(messages, rest))  # a generator, since Ray sends into what yields

    @ray.method(concurrency_group="commands")  # type: ignore[untyped-decorator]
    def send(self, command: Command | None) -> None:
        self._inbox.put(command)

    def process(self) -> int:
        return os.getpid()


_ACTOR = ray.remote(concurrency_groups={"stream": 1, "commands": 1})(Replica)


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


@dataclass(eq=False)
class _Engine:
    """A replica as it is known here. ``heard`` is when it last said something, ``idle`` since when it has no work, and
    ``drawn`` when it last finished a picture, or got work."""

    actor: Any
    site: Site
    heard: float
    idle: float
    drawn: float = 0.0
    is_ready: bool = False
    inputs: float = 0.0
    device: str = ""
    pulse: Alive = field(default_factory=Alive)
    packs: dict[str, PackState] = field(default_factory=dict)
    pace: ThroughputEstimate = field(default_factory=ThroughputEstimate)

    def drew(self, demand: Demand) -> None:
        """One of the pictures of a job, whose inputs it has had between others."""
        now = time.monotonic()
        self.pace.took(now - self.drawn, max(1.0, demand.inputs / demand.pictures))
        self.drawn = now


News: TypeAlias = "tuple[str, Command | Message | None]"  # from whom; "" is the studio, and None the end
CLIENT = ""


class RayEngines:
    """In place of an `EngineProcess`: ``scale`` says how many replicas there may be, ``address`` where the cluster is;
    empty begins one on this machine.

    One thread does everything, one piece of news after the other; others only bring them.
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
        self._scale, self._address = scale, address
        self._limits = options.limits
        # The line is here; a replica takes whatever it is given.
        unlimited = replace(options.settings, queue=NO_LIMIT, each=NO_LIMIT, each_address=NO_LIMIT)
        self._of_replica = replace(options, settings=unlimited)
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._engines: dict[str, _Engine] = {}
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
            self._connect()
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
            _end(engine)
        if not self._address:
            ray.shutdown()
        self._on_end()

    def _connect(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing calls home
        kept: dict[str, Any] = {"log_to_driver": True, "logging_level": logging.WARNING, "ignore_reinit_error": True}
        kept["runtime_env"] = {"env_vars": {"PYTHONPATH": path_for_children(ROOT)}}
        if self._address:
            ray.init(self._address, **kept)
        else:
            ray.init(include_dashboard=False, **kept)

    def _start(self) -> None:
        """One more replica: on a GPU where the cluster has any, else on its share of the cores."""
        self._number += 1
        name = f"replica {self._number}"
        resources = ray.cluster_resources()
        wants_gpu = self._options.settings.device != "cpu" and resources.get("GPU", 0) > 0
        share = max(1, int(resources.get("CPU", 1)) // max(1, self._scale.most))
        needed = {"num_gpus": 1, "num_cpus": 1} if wants_gpu else {"num_cpus": share}
        actor = _ACTOR.options(max_restarts=0, **needed).remote(self._of_replica)
        now = time.monotonic()
        self._engines[name] = _Engine(actor, Site(name, FIRST_PACE, self._limits.rows), now, now)
        threading.Thread(target=self._follow, args=(name, actor), daemon=True, name=name).start()

    def _follow(self, name: str, actor: Any) -> None:
        """Brings in what a replica says, and that it has ended."""
        try:
            for message in actor.messages.options(num_returns="streaming").remote():
                self._news.put((name, ray.get(message)))
        except Exception:
            logger.warning("%s has ended", name, exc_info=True)
        self._news.put((name, None))

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
        if refused := refusal(self._limits, crowd, lambda: _finite(self._placement.seconds)):
            self._tell(Failed(command.job, refused))
            return
        job = self._jobs[command.job] = _Job(command, demand_of(command.request, command.pack))
        self._placement.add(job)
        self._tell(*self._queued(), *self._places.first(job, self._placement.line, self._in_front, self._seconds))

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
            self._on_message(Embedded(command.name, "", (), "No engine is there yet."))
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
                self._on_message(self._ready())
                for pack in self._loads:
                    self._load(pack)
                self._loads.clear()
            case Broken():
                engine.heard = -math.inf  # it is of no use, and ends by itself
                self._false_starts = MOST_STARTS
                self._on_message(message)
            case Packs(states=states):
                engine.packs = dict(states)
                engine.site.packs = {name for name, state in states.items() if state.status in ("resident", "loading")}
                self._on_message(Packs(self._states()))
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
            self._on_message(Embedded(name, "", (), "The engine ended while it looked."))
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
                problem = f"{MOST_LIVES} engines ended while they were drawing this, so it is not tried again."
                self._tell(Failed(job.name, EngineStopped(problem)))
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
            engine.site.pace = engine.pace.seconds_per_input or FIRST_PACE
        self._on_message(self._pulse())
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
            _end(engine)

    @property
    def _in_front(self) -> int:
        return sum(job.site is not None for job in self._jobs.values())

    @property
    def _seconds(self) -> float | None:
        return _finite(self._placement.seconds)

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

    def _ready(self) -> Ready:
        ready = [engine for engine in self._engines.values() if engine.is_ready]
        devices = Counter(engine.device for engine in ready)
        told = ", ".join(f"{count} x {device}" for device, count in devices.items())
        return Ready(f"Ray: {told}", max(engine.inputs for engine in ready))

    def _pulse(self) -> Alive:
        pulses = [engine.pulse for engine in self._engines.values()]
        return Alive(
            rows=sum(pulse.rows for pulse in pulses),
            waiting=len(self._placement.line),
            inputs=sum(pulse.inputs for pulse in pulses),
            steps_a_second=sum(pulse.steps_a_second for pulse in pulses),
        )

    def _states(self) -> dict[str, PackState]:
        """Of each pack the best that any replica says of it."""
        found: dict[str, PackState] = {}
        for engine in self._engines.values():
            for name, state in engine.packs.items():
                other = found.get(name)
                if other is None or STATUSES.index(state.status) < STATUSES.index(other.status):
                    found[name] = state
        return found

    def _tell(self, *events: Event) -> None:
        if events:
            self._on_message([*events])


def _end(engine: _Engine) -> None:
    with contextlib.suppress(Exception):
        ray.kill(engine.actor)


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
