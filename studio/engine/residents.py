"""The packs that are in the engine's memory: how much a call to each holds, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from studio.engine.progress import Tempo
from studio.engine.row import Row
from studio.engine.scheduler import BatchCapacity, ThroughputEstimate
from studio.models.model import Pack
from studio.requests.limits import PRECISIONS
from studio.requests.request import Request


class PackKey(NamedTuple):
    """A pack in memory: by its name, and what it computes in. One pack may be there in both precisions."""

    name: str
    precision: str


def key_of(request: Request) -> PackKey:
    """Of a request that was taken, and so says its precision."""
    return PackKey(request.pack, request.precision)


@dataclass(eq=False)
class Resident:
    """A pack in memory, how many of its inputs a call holds, how long one takes, and when it was last asked for."""

    pack: Pack
    capacity: BatchCapacity
    throughput: ThroughputEstimate
    used: float

    @cached_property
    def tempo(self) -> Tempo:
        return Tempo(self.throughput, self.pack.info.size**2)

    def padding(self, row: Row) -> int:
        """How many inputs of the row's size a call has in strict mode: always the same, and never fewer than two."""
        return max(2, int(self.capacity.inputs * row.inputs / row.cost))


class Residents:
    """By their keys. ``inputs`` is the most that a call to one may hold."""

    def __init__(self, inputs: float) -> None:
        self._inputs = inputs
        self._packs: dict[PackKey, Resident] = {}

    def __getitem__(self, key: PackKey) -> Resident:
        return self._packs[key]

    @property
    def keys(self) -> tuple[PackKey, ...]:
        """Who was asked for longest ago comes first."""
        return tuple(sorted(self._packs, key=lambda key: self._packs[key].used))

    def add(self, name: str, pack: Pack, throughput: ThroughputEstimate | None) -> None:
        """``throughput`` may know already how long a model input takes."""
        capacity = BatchCapacity(self._inputs)
        resident = Resident(pack, capacity, throughput or ThroughputEstimate(), time.monotonic())
        self._packs[PackKey(name, pack.precision)] = resident

    def drop(self, key: PackKey) -> None:
        del self._packs[key]

    def find(self, request: Request) -> Resident | None:
        """The pack that a request asks for, in its precision, or in any where it asks for none."""
        precisions = (request.precision,) if request.precision else PRECISIONS
        found = (self._packs.get(PackKey(request.pack, precision)) for precision in precisions)
        return next((resident for resident in found if resident is not None), None)

    def seconds(self, inputs: Mapping[PackKey, float]) -> float | None:
        """How long so many model inputs of each pack take; None while nobody can know."""
        estimates = {key: resident.throughput for key, resident in self._packs.items()}
        taken = [estimates[key].seconds(of_pack) for key, of_pack in inputs.items() if key in estimates]
        is_known = any(estimate.seconds_per_input is not None for estimate in estimates.values())
        return sum(each for each in taken if each is not None) if is_known and None not in taken else None
