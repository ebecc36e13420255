"""A replica of the engine on Ray: the actor, how it is known from outside, and what several of them amount to."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import ray

from studio.backends.messages import Alive, Command, Message, Ready, WorkerOptions
from studio.backends.placing import Demand, Site
from studio.backends.worker import begin, serving
from studio.engine.scheduler import ThroughputEstimate
from studio.logs import write_log
from studio.models.catalogue import PackState
from studio.settings import path_for_children

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
TICK_SECONDS = 1.0  # the longest silence of a replica that is well
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


class Cluster:
    """Ray's at ``address``; empty begins one on this machine. ``most`` replicas share its cores."""

    def __init__(self, options: WorkerOptions, address: str, most: int) -> None:
        self._options, self._address, self._most = options, address, max(1, most)

    def connect(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing calls home
        kept: dict[str, Any] = {"log_to_driver": True, "logging_level": logging.WARNING, "ignore_reinit_error": True}
        kept["runtime_env"] = {"env_vars": {"PYTHONPATH": path_for_children(ROOT)}}
        if self._address:
            ray.init(self._address, **kept)
        else:
            ray.init(include_dashboard=False, **kept)

    def start(self, name: str, on_message: Callable[[Message | None], None]) -> Any:
        """The actor of one more replica: on a GPU where the cluster has any, else on its share of the cores. What it
        says comes to ``on_message`` in a thread of its own; None, once it has ended."""
        resources = ray.cluster_resources()
        wants_gpu = self._options.settings.device != "cpu" and resources.get("GPU", 0) > 0
        share = max(1, int(resources.get("CPU", 1)) // self._most)
        needed = {"num_gpus": 1, "num_cpus": 1} if wants_gpu else {"num_cpus": share}
        actor = _ACTOR.options(max_restarts=0, **needed).remote(self._options)
        threading.Thread(target=_follow, args=(name, actor, on_message), daemon=True, name=name).start()
        return actor

    def leave(self) -> None:
        """Ends a cluster that was begun here."""
        if not self._address:
            ray.shutdown()


def _follow(name: str, actor: Any, on_message: Callable[[Message | None], None]) -> None:
    try:
        for message in actor.messages.options(num_returns="streaming").remote():
            on_message(ray.get(message))
    except Exception:
        logger.warning("%s has ended", name, exc_info=True)
    on_message(None)


@dataclass(eq=False)
class ReplicaHandle:
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
    throughput: ThroughputEstimate = field(default_factory=ThroughputEstimate)

    def drew(self, demand: Demand) -> None:
        """One of the pictures of a job, whose inputs it has had between others."""
        now = time.monotonic()
        self.throughput.took(now - self.drawn, max(1.0, demand.inputs / demand.pictures))
        self.drawn = now

    def end(self) -> None:
        """Never fails; whatever it was drawing is lost."""
        with contextlib.suppress(Exception):
            ray.kill(self.actor)


def ready(replicas: Iterable[ReplicaHandle]) -> Ready:
    """What all that are ready are together."""
    those = [each for each in replicas if each.is_ready]
    devices = Counter(each.device for each in those)
    listed = ", ".join(f"{count} x {device}" for device, count in devices.items())
    return Ready(f"Ray: {listed}", max(each.inputs for each in those))


def pulse(replicas: Iterable[ReplicaHandle], waiting: int) -> Alive:
    """What all of them did about a second ago, while so many jobs wait."""
    pulses = [each.pulse for each in replicas]
    return Alive(
        rows=sum(each.rows for each in pulses),
        waiting=waiting,
        inputs=sum(each.inputs for each in pulses),
        steps_a_second=sum(each.steps_a_second for each in pulses),
    )


def states(replicas: Iterable[ReplicaHandle]) -> dict[str, PackState]:
    """Of each pack the best that any replica says of it."""
    found: dict[str, PackState] = {}
    for replica in replicas:
        for name, state in replica.packs.items():
            other = found.get(name)
            if other is None or STATUSES.index(state.status) < STATUSES.index(other.status):
                found[name] = state
    return found
