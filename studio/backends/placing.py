"""Which of several engines draws which job, and how many of them there should be. Pure Python: no Ray, no clock.

Jobs wait in one line for all engines, in which owners take turns, and are placed when an engine has room: so nobody
waits behind somebody's sixteen pictures because chance had put both on one engine, and what is lost with an engine is
only what it was drawing. Among engines with room, a job goes where it can begin soonest: where its pack is in memory
already, unless that engine is so busy that loading the pack elsewhere is quicker (delay scheduling: Zaharia et al.
2010, "Delay Scheduling").
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from studio.engine.scheduler import Asked, FairQueue
from studio.models.catalogue import PackInfo
from studio.prompts import read_prompt
from studio.requests.limits import CASCADE_SCALE
from studio.requests.request import Request
from studio.sampling.catalogue import find_sampler

LOOKED_AHEAD = 32  # jobs behind the first that are looked at for an engine that does not suit the first
UNSUITED_SECONDS = 2.0  # that it costs to change LoRAs


@dataclass(frozen=True)
class Demand:
    """What placing needs to know of a job: its pack, its LoRAs, and how many model inputs and pictures it is."""

    pack: str
    inputs: float
    pictures: int = 1
    loras: tuple[str, ...] = ()


def inputs_of(request: Request, pack: PackInfo) -> float:
    """About how many model inputs of the pack's own size a request takes, as far as can be told without its models."""
    shared = CASCADE_SCALE**2 if getattr(request, "cascade", False) else 1  # the second stage's model is a small one
    area = max(1.0, request.width * request.height / shared / pack.size**2)
    guided = 2 if getattr(request, "guidance", 1.0) > 1 else 1
    return request.count * request.steps * find_sampler(request.sampler).calls * guided * area


def demand_of(request: Request, pack: PackInfo) -> Demand:
    loras = tuple(sorted(each.name for each in read_prompt(request.words).loras))
    return Demand(request.pack, inputs_of(request, pack), request.count, loras)


@dataclass
class Site:
    """An engine somewhere. ``packs`` are in its memory or on their way; it draws what it is asked to `take`.

    pace:     seconds a model input, with a full call
    pictures: most in flight
    """

    name: str
    pace: float
    pictures: int
    packs: set[str] = field(default_factory=set)
    loras: tuple[str, ...] = ()
    jobs: dict[str, Demand] = field(default_factory=dict)
    in_flight: int = 0
    inputs_left: float = 0.0
    is_draining: bool = False

    def take(self, job: str, demand: Demand) -> None:
        self.jobs[job] = demand
        self.in_flight, self.inputs_left = self.in_flight + demand.pictures, self.inputs_left + demand.inputs
        self.packs.add(demand.pack)
        self.loras = demand.loras

    def release(self, job: str) -> None:
        """A job that has ended, if it was here."""
        demand = self.jobs.pop(job, None)
        if demand is not None:
            self.in_flight, self.inputs_left = self.in_flight - demand.pictures, self.inputs_left - demand.inputs

    @property
    def seconds_left(self) -> float:
        """Until all that it draws is done."""
        return self.pace * self.inputs_left

    def has_room_for(self, demand: Demand) -> bool:
        """Whether it takes the job at once; one that is too large waits for an empty engine."""
        return not self.is_draining and (not self.jobs or self.in_flight + demand.pictures <= self.pictures)

    def seconds_before(self, demand: Demand, loading: float) -> float:
        """Until the job would be done here, if ``loading`` a pack takes so long. All that is drawn here shares calls,
        so that what is left counts whole."""
        own = self.pace * demand.inputs
        unsuited = (loading if demand.pack not in self.packs else 0.0) + (
            UNSUITED_SECONDS if demand.loras != self.loras and self.jobs else 0.0
        )
        return self.seconds_left + own + unsuited


def choose(demand: Demand, sites: Iterable[Site], loading: float, waiting: float = 0.0) -> Site | None:
    """Where the job should go now; None where it is better to wait for an engine that has its pack and no room yet.

    ``waiting``: the model inputs of all jobs in the line that want the same pack. They would wait for the same engines,
    so that a pack that many want is loaded on more.
    """
    taking = [site for site in sites if not site.is_draining]
    with_room = [site for site in taking if site.has_room_for(demand)]
    if not with_room:
        return None
    best = min(with_room, key=lambda site: (site.seconds_before(demand, loading), len(site.jobs), site.name))
    having = [site for site in taking if demand.pack in site.packs]
    if demand.pack in best.packs or not having:
        return best
    queued = waiting * sum(site.pace for site in having) / len(having) ** 2
    soonest = min(site.seconds_before(demand, loading) for site in having) + queued
    return best if best.seconds_before(demand, loading) <= soonest else None


Job = TypeVar("Job", bound="Placeable")


class Placeable(Asked, Protocol):
    """A job in the line."""

    @property
    def demand(self) -> Demand: ...


class Placement(Generic[Job]):
    """The line of all jobs, and the engines that draw them. ``loading`` is how many seconds a pack takes to load."""

    def __init__(self, loading: float) -> None:
        self.line: FairQueue[Job] = FairQueue()
        self.sites: dict[str, Site] = {}
        self.loading = loading
        self._waiting: defaultdict[str, float] = defaultdict(float)  # model inputs, by pack

    def add(self, job: Job, *, first: bool = False) -> None:
        self.line.add(job, first=first)
        self._waiting[job.demand.pack] += job.demand.inputs

    def leave(self, name: str) -> Job | None:
        """The job of that name, which waits no longer; None where none waits."""
        job = self.line.remove(name)
        if job is not None:
            self._waiting[job.demand.pack] -= job.demand.inputs
        return job

    def place(self) -> list[tuple[Job, Site]]:
        """All that can begin now, in the order of the line; each is on its engine from now on."""
        placed: list[tuple[Job, Site]] = []
        while (found := self._next()) is not None:
            job, site = found
            self.leave(job.name)
            self.line.served(job.owner)
            site.take(job.name, job.demand)
            placed.append(found)
        return placed

    def _next(self) -> tuple[Job, Site] | None:
        if not any(not site.is_draining for site in self.sites.values()):
            return None
        first = self.line.first
        if first is None:
            return None
        site = self._choose(first)
        if site is not None:
            return first, site
        if not any(site.has_room_for(first.demand) for site in self.sites.values()):
            return None  # nobody has room for anybody, or the first would wait for ever behind smaller ones
        refused = {(first.demand.pack, first.demand.loras, first.demand.pictures)}
        for job in self.line.ahead(1 + LOOKED_AHEAD)[1:]:
            kind = job.demand.pack, job.demand.loras, job.demand.pictures
            if kind in refused:
                continue
            refused.add(kind)
            site = self._choose(job)
            if site is not None:
                return job, site
        return None

    def _choose(self, job: Job) -> Site | None:
        demand = job.demand
        return choose(demand, self.sites.values(), self.loading, self._waiting[demand.pack] - demand.inputs)

    @property
    def seconds(self) -> float:
        """About how long all that is drawn or waits will take all engines together."""
        sites = [site for site in self.sites.values() if not site.is_draining]
        if not sites:
            return math.inf if len(self.line) else 0.0
        pace = sum(site.pace for site in sites) / len(sites)
        return (pace * sum(self._waiting.values()) + sum(site.seconds_left for site in sites)) / len(sites)


@dataclass(frozen=True)
class Scale:
    """How many engines there may be: ``fewest`` to ``most``, so many that nobody waits much longer than ``seconds``.
    One that had nothing to do for ``idle`` seconds goes."""

    fewest: int = 1
    most: int = 1
    seconds: float = 15.0
    idle: float = 60.0

    def wanted(self, now: int, queued: float, idle: Sequence[float]) -> int:
        """How many there should be, where there are ``now`` (with those that are starting), all work takes them
        ``queued`` seconds together, and ``idle`` says since when each of those without work has none."""
        if queued > self.seconds:
            return min(self.most, max(now + 1, math.ceil(now * min(2.0, queued / self.seconds))))
        spare = sum(seconds > self.idle for seconds in idle)
        return max(self.fewest, now - spare)
