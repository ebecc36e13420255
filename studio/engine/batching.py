"""Which rows share the next model call. Pure Python: no tensors, so it is tested in microseconds.

Rows take turns: whoever has waited longest since its last step goes first and brings along every row that can share
its call, longest waiting first, until the call is full. No row can be passed over for ever, and rows of equal shape
stay together, whatever their samplers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Protocol, TypeVar


class Batchable(Protocol):
    """What the plan needs to know of a row: who can share its call, and how much room it takes there."""

    @property
    def batch_key(self) -> Hashable: ...

    @property
    def cost(self) -> float: ...


Waiting = TypeVar("Waiting", bound=Batchable)


class Turns:
    """Remembers in which order rows were last served."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self._clock = 0

    def order(self, rows: Iterable[Waiting]) -> list[Waiting]:
        """Longest waiting first; rows that never ran come before all others, in the order given."""
        return sorted(rows, key=lambda row: self._last.get(id(row), -1))

    def served(self, rows: Iterable[Batchable]) -> None:
        self._clock += 1
        for row in rows:
            self._last[id(row)] = self._clock

    def forget(self, row: Batchable) -> None:
        self._last.pop(id(row), None)


def plan(waiting: Sequence[Waiting], capacity: float) -> list[Waiting]:
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
