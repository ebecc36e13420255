"""Who goes next: jobs into the engine, rows into the next model call. Pure Python, no tensors.

Owners (browsers) take turns, and within an owner whoever has waited longest goes first; a call is then filled with
every row that can share it, whatever its sampler. So nobody is passed over for ever, and who asks for sixteen pictures
does not keep out who asks for one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from studio.errors import QueueFull

KEPT_OWNERS = 1000  # whose last turn is remembered
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
    def address(self) -> str: ...


def refusal(
    limits: Limits,
    waiting: Sequence[Asked],
    owner: str,
    address: str,
    seconds: Callable[[], float | None] = lambda: None,
) -> QueueFull | None:
    """Why no further job is taken from ``owner`` at ``address`` while these wait; None if it is. ``seconds``: how long
    the engine needs for them, as far as that is known."""
    of_owner = sum(job.owner == owner for job in waiting)
    of_address = sum(job.address == address for job in waiting) if address else 0
    of_all = len(waiting)
    if of_owner < limits.each and of_address < limits.each_address and of_all < limits.waiting:
        return None
    needed = seconds()
    wait = "" if needed is None else f" The engine needs {in_words(needed)} for them."
    if of_owner >= limits.each:
        reason = f"{of_owner} of your jobs are waiting already, which is the most.{wait} Please try again later."
    elif of_address >= limits.each_address:
        reason = (
            f"{of_address} jobs from your address are waiting already, which is the most.{wait} Please try again later."
        )
    else:
        reason = f"{of_all} jobs are waiting already, which is the most.{wait} Please try again later."
    return QueueFull(reason, needed)


def in_words(seconds: float) -> str:
    """ "about 40 s", "about 3 min"."""
    return f"about {max(1, round(seconds))} s" if seconds < 90 else f"about {round(seconds / 60)} min"


class Batchable(Owned, Protocol):
    """What the plan needs to know of a row: who can share its call, and how much room it takes there."""

    @property
    def batch_key(self) -> Hashable: ...

    @property
    def cost(self) -> float: ...


Waiting = TypeVar("Waiting", bound=Owned)
WaitingRow = TypeVar("WaitingRow", bound=Batchable)


class Turns:
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


class Room:
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


class Pace:
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
