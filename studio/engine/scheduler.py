"""Who goes next: jobs into the engine, rows into the next model call. Pure Python, no tensors.

Owners (browsers) take turns, and within an owner whoever has waited longest goes first; a call is then filled with
every row that can share it, whatever its sampler. So nobody is passed over for ever, and who asks for sixteen pictures
does not keep out who asks for one.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Generic, Protocol, TypeVar

from studio.errors import QueueFull
from studio.events import Queued
from studio.message import Message

KEPT_OWNERS = 1000  # whose last turn is remembered
REPORTED_AT_ONCE = 100  # jobs that wait, whose places are told whenever they change
REPORTING_SHARE = 0.01  # of the time that telling more of them may take
NOTICEABLE = 0.01  # of a place; who is further behind hears nothing of less
CALLS_BEFORE_GROWING = 200  # calls without trouble after which a halved batch may be one input larger


@dataclass(frozen=True)
class Limits:
    """What the engine takes on.

    inputs:  most model inputs in one call, counted at the size that the pack draws best (four times the area counts
             four times)
    rows:    most pictures in flight
    waiting: most jobs in the queue; more are refused
    each:    most jobs of one owner in the queue
    each_address: most jobs from one network address in the queue, whatever owners they name
    strict:  every call is padded to ``inputs``, so that a seed gives the same bits whoever else is in the batch
    """

    inputs: float = 16
    rows: int = 32
    waiting: int = 64
    each: int = 32
    each_address: int = 48
    strict: bool = False


class Owned(Protocol):
    """Whatever takes turns: a job that waits to be let in, or a row that waits for its next step."""

    @property
    def owner(self) -> str: ...


class Asked(Owned, Protocol):
    """A job that waits, and where its owner asked from; empty where nobody knows."""

    @property
    def name(self) -> str: ...

    @property
    def address(self) -> str: ...


@dataclass(frozen=True)
class QueueCounts:
    """How many jobs wait: of one owner, from one address, of all."""

    of_owner: int
    of_address: int
    of_all: int


def refusal(
    limits: Limits, waiting: QueueCounts, seconds: Callable[[], float | None] = lambda: None
) -> QueueFull | None:
    """Why no further job is taken while so many wait; None if it is. ``seconds``: how long the engine needs for them,
    as far as that is known."""
    if waiting.of_owner < limits.each and waiting.of_address < limits.each_address and waiting.of_all < limits.waiting:
        return None
    needed = seconds()
    wait = wait_of(needed)
    if waiting.of_owner >= limits.each:
        return QueueFull(
            "{count} of your jobs are waiting already, which is the most.{wait} Please try again later.",
            count=waiting.of_owner, wait=wait, seconds=needed,
        )  # fmt: skip
    if waiting.of_address >= limits.each_address:
        return QueueFull(
            "{count} jobs from your address are waiting already, which is the most.{wait} Please try again later.",
            count=waiting.of_address, wait=wait, seconds=needed,
        )  # fmt: skip
    return QueueFull(
        "{count} jobs are waiting already, which is the most.{wait} Please try again later.",
        count=waiting.of_all, wait=wait, seconds=needed,
    )  # fmt: skip


def wait_of(seconds: float | None) -> Message | str:
    """What is said of how long the engine needs for what waits; nothing where that is not known."""
    if seconds is None:
        return ""
    if seconds < 90:
        return Message(" The engine needs about {count} s for them.", count=max(1, round(seconds)))
    return Message(" The engine needs about {count} min for them.", count=round(seconds / 60))


class Batchable(Owned, Protocol):
    """What the plan needs to know of a row: who can share its call, and how much room it takes there."""

    @property
    def batch_key(self) -> Hashable: ...

    @property
    def cost(self) -> float: ...


Waiting = TypeVar("Waiting", bound=Owned)
Job = TypeVar("Job", bound=Asked)
WaitingRow = TypeVar("WaitingRow", bound=Batchable)


class RoundRobin:
    """Remembers when owners, and what is theirs, were last served."""

    def __init__(self) -> None:
        self._owners: OrderedDict[str, int] = OrderedDict()
        self._served: dict[int, int] = {}
        self._clock = 0

    def order(self, waiting: Iterable[Waiting]) -> list[Waiting]:
        """Round by round one of each owner's, the owner first whose last turn is longest ago.

        Within an owner, what was served longest ago goes first, and what never was before that, in the order given.
        """
        rounds: dict[str, int] = {}
        places: list[tuple[int, int, Waiting]] = []
        for item in sorted(waiting, key=lambda item: self._served.get(id(item), -1)):
            turn = rounds[item.owner] = rounds.get(item.owner, -1) + 1
            places.append((turn, self._owners.get(item.owner, -1), item))
        return [item for _, _, item in sorted(places, key=lambda place: place[:2])]

    def served(self, items: Iterable[Owned]) -> None:
        self._clock += 1
        for item in items:
            self._served[id(item)] = self._owners[item.owner] = self._clock
            self._owners.move_to_end(item.owner)
        while len(self._owners) > KEPT_OWNERS:
            self._owners.popitem(last=False)

    def forget(self, item: Owned) -> None:
        self._served.pop(id(item), None)


class FairQueue(Generic[Job]):
    """Jobs that wait to be let in: owners take turns as in `RoundRobin`, and an owner's jobs go in the order in which
    they came. Everything but `order` takes about as long whether ten wait or ten thousand."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._of_owner: dict[str, dict[str, Job]] = {}
        self._of_address: Counter[str] = Counter()
        self._turns: OrderedDict[str, int] = OrderedDict()  # when owners were last served
        self._came: dict[str, int] = {}  # when those who wait began to
        self._next: list[tuple[int, int, str]] = []  # a heap of last turn, coming and owner; what is outdated stays
        self._clock = 0

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def crowd(self, owner: str, address: str) -> QueueCounts:
        """How many wait, of ``owner`` and from ``address``; nobody is at an empty one."""
        of_address = self._of_address[address] if address else 0
        return QueueCounts(len(self._of_owner.get(owner, ())), of_address, len(self._jobs))

    def add(self, job: Job, *, first: bool = False) -> None:
        """``first``: of its owner's; it had its turn already and lost what came of it."""
        self._jobs[job.name] = job
        self._of_address[job.address] += 1
        if job.owner not in self._of_owner:
            self._clock += 1
            self._of_owner[job.owner], self._came[job.owner] = {}, self._clock
            self._line_up(job.owner)
        if first:
            self._of_owner[job.owner] = {job.name: job, **self._of_owner[job.owner]}
        else:
            self._of_owner[job.owner][job.name] = job

    def remove(self, name: str) -> Job | None:
        """The job of that name, which waits no longer; None where none waits."""
        job = self._jobs.pop(name, None)
        if job is None:
            return None
        self._of_address[job.address] -= 1
        if not self._of_address[job.address]:
            del self._of_address[job.address]
        del self._of_owner[job.owner][name]
        if not self._of_owner[job.owner]:
            del self._of_owner[job.owner], self._came[job.owner]
        return job

    @property
    def first(self) -> Job | None:
        """Who goes next."""
        return next(iter(self.ahead(1)), None)

    def served(self, owner: str) -> None:
        self._clock += 1
        self._turns[owner] = self._clock
        self._turns.move_to_end(owner)
        self._line_up(owner)
        while len(self._turns) > KEPT_OWNERS:
            forgotten, _ = self._turns.popitem(last=False)
            self._line_up(forgotten)

    def order(self) -> list[Job]:
        """All of them in the order in which they will go, if nobody else comes."""
        owners = sorted(self._of_owner, key=lambda owner: (self._turns.get(owner, -1), self._came[owner]))
        return [*self._in_rounds(owners)]

    def ahead(self, count: int) -> list[Job]:
        """The first ``count`` of `order`."""
        owners: dict[str, tuple[int, int, str]] = {}  # the first ``count``, out of the heap and back into it
        while self._next and len(owners) < count:
            entry = heapq.heappop(self._next)
            turn, came, owner = entry
            if self._came.get(owner) == came and self._turns.get(owner, -1) == turn:
                owners[owner] = entry
        for entry in owners.values():
            heapq.heappush(self._next, entry)
        return [*islice(self._in_rounds(owners), count)]

    def _in_rounds(self, owners: Iterable[str]) -> Iterator[Job]:
        rounds = zip_longest(*(self._of_owner[owner].values() for owner in owners))
        return (job for jobs in rounds for job in jobs if job is not None)

    def _line_up(self, owner: str) -> None:
        if owner in self._came:
            heapq.heappush(self._next, (self._turns.get(owner, -1), self._came[owner], owner))


class QueuePositions(Generic[Job]):
    """Tells those who wait in a line of their places, whenever these change; in a long line seldom enough to cost next
    to nothing, and those far behind only when they have moved on noticeably."""

    def __init__(self) -> None:
        self._reported: dict[str, int] = {}
        self._again = 0.0  # when a long line may next be told

    def news(
        self, line: FairQueue[Job], in_front: int, seconds: float | None, seconds_of: Callable[[Job], float | None]
    ) -> list[Queued]:
        """``in_front`` jobs, which take ``seconds``, go before all of ``line``, whose own take ``seconds_of`` each."""
        begun = time.monotonic()
        if len(line) > REPORTED_AT_ONCE and begun < self._again:
            return []
        news: list[Queued] = []
        for ahead, job in enumerate(line.order(), in_front):
            reported = self._reported.get(job.name)
            if reported is None or abs(reported - ahead) > NOTICEABLE * ahead:
                self._reported[job.name] = ahead
                news.append(Queued(job.name, ahead, seconds))
            own = seconds_of(job)
            seconds = None if seconds is None or own is None else seconds + own
        now = time.monotonic()
        self._again = now + (now - begun) / REPORTING_SHARE
        return news

    def first(self, job: Job, line: FairQueue[Job], in_front: int, seconds: float | None) -> list[Queued]:
        """What a newcomer hears whom `news` has not told yet: it is no later than behind all others."""
        if job.name in self._reported:
            return []
        ahead = self._reported[job.name] = in_front + len(line) - 1
        return [Queued(job.name, ahead, seconds)]

    def forget(self, job: str) -> None:
        self._reported.pop(job, None)


class BatchCapacity:
    """How many inputs a call may hold: at most ``most``, half as many after a call that did not fit, and then slowly
    more again, as others give memory back (additive increase, multiplicative decrease)."""

    def __init__(self, most: float) -> None:
        self._most = self.inputs = most
        self._quiet = 0

    def did_not_fit(self, cost: float) -> None:
        """A call of ``cost`` inputs ran out of memory."""
        self.inputs, self._quiet = max(1.0, min(self.inputs, cost / 2)), 0

    def fitted(self) -> None:
        self._quiet += 1
        if self._quiet == CALLS_BEFORE_GROWING:
            self.inputs, self._quiet = min(self._most, self.inputs + 1), 0


class ThroughputEstimate:
    """What a model input takes, in seconds, from the calls so far; recent ones count most."""

    RECENT = 0.1  # the weight of the latest call

    def __init__(self, seconds_per_input: float | None = None) -> None:
        self.seconds_per_input = seconds_per_input

    def took(self, seconds: float, cost: float) -> None:
        latest, before = seconds / cost, self.seconds_per_input
        self.seconds_per_input = latest if before is None else before + self.RECENT * (latest - before)

    def seconds(self, inputs: float) -> float | None:
        """How long ``inputs`` take; None before the first call."""
        return None if self.seconds_per_input is None else inputs * self.seconds_per_input


def plan(waiting: Sequence[WaitingRow], capacity: float) -> list[WaitingRow]:
    """The rows of the next call, out of ``waiting`` in order of precedence, whose costs add up to ``capacity`` or less.

    The first row always goes, even when it alone is over the capacity.
    """
    if not waiting:
        return []
    first = waiting[0]
    batch, room = [first], capacity - first.cost
    for row in waiting[1:]:
        if row.batch_key == first.batch_key and row.cost <= room:
            batch.append(row)
            room -= row.cost
    return batch
