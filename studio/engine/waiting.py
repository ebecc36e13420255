"""The engine's queue: who waits, how long for, and who is taken in no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from studio.engine.job import Job
from studio.engine.residents import PackKey, Residents
from studio.engine.scheduler import FairQueue, Limits, QueuePositions, refusal
from studio.errors import QueueFull
from studio.events import Event


class WaitingJobs:
    """``residents`` say how long jobs take. What its methods call ``running`` are the model inputs that the jobs in
    flight still need, by pack."""

    def __init__(self, limits: Limits, residents: Residents) -> None:
        self._limits, self._residents = limits, residents
        self._queue: FairQueue[Job] = FairQueue()
        self._positions: QueuePositions[Job] = QueuePositions()
        self._inputs: defaultdict[PackKey, float] = defaultdict(float)  # of all that wait

    def __len__(self) -> int:
        return len(self._queue)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._queue)

    @property
    def first(self) -> Job | None:
        """Who goes next."""
        return self._queue.first

    def refusal(self, owner: str, address: str, running: Mapping[PackKey, float]) -> QueueFull | None:
        """Why no further job is taken from ``owner`` at ``address``; None if it is."""
        return refusal(self._limits, self._queue.crowd(owner, address), lambda: self._seconds(running))

    def add(self, job: Job, in_flight: int, running: Mapping[PackKey, float]) -> list[Event]:
        """The last of its owner's; what those who wait hear of their places, with ``in_flight`` jobs before all."""
        self._queue.add(job)
        self._inputs[job.key] += job.inputs
        news = self.news(in_flight, running)
        return [*news, *self._positions.first(job, self._queue, in_flight, self._seconds(running))]

    def remove(self, name: str) -> Job | None:
        """Takes a job out of the queue; None where it is not there."""
        job = self._queue.remove(name)
        if job is not None:
            self._inputs[job.key] -= job.inputs
            self._positions.forget(name)
        return job

    def served(self, owner: str) -> None:
        """One of the owner's jobs was let in."""
        self._queue.served(owner)

    def news(self, in_flight: int, running: Mapping[PackKey, float]) -> list[Event]:
        """To jobs whose place has changed."""
        seconds = self._residents.seconds(running)
        return [*self._positions.news(self._queue, in_flight, seconds, self._seconds_of)]

    def _seconds_of(self, job: Job) -> float | None:
        return job.resident.throughput.seconds(job.inputs)

    def _seconds(self, running: Mapping[PackKey, float]) -> float | None:
        """About how long all that runs or waits will take; None while nobody can know."""
        keys = {*running, *self._inputs}
        return self._residents.seconds({key: running.get(key, 0.0) + self._inputs[key] for key in keys})
