"""Which packs are in memory: loads what jobs ask for, off the step loop, and lets go what nobody has asked for longest.

Jobs wait here for a pack that is still being loaded, and are handed to the engine when it is there. What loads is given
in, and runs in a thread of its own, one pack at a time; everything else happens in the driver's thread.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from studio.backends.messages import Submit
from studio.engine.engine import Engine
from studio.engine.residents import PackKey
from studio.engine.scheduler import ThroughputEstimate
from studio.errors import PackError, StudioError
from studio.events import Cancelled, Event, Failed
from studio.models.catalogue import PackInfo, PackState
from studio.models.model import Pack
from studio.requests.limits import EXACT

logger = logging.getLogger(__name__)

Report: TypeAlias = Callable[[float], None]  # which share of the pack has been loaded, 0..1
Load: TypeAlias = Callable[[PackInfo, str, Report], Pack]  # with its precision
News: TypeAlias = "tuple[PackKey, float | Pack | StudioError]"

MEMORY_SHARE = 0.9  # of the free memory that a pack may take


@dataclass(frozen=True)
class Memory:
    """In bytes: how much is ``free`` now, how much a pack ``needs`` while it is loaded, and how much one that is there
    has ``taken``."""

    free: Callable[[], float]
    needs: Callable[[PackInfo], float]
    taken: Callable[[Pack], float]


@dataclass(eq=False)
class ModelPool:
    """``load`` runs in a thread; ``memory`` says whether there is room. Requests that ask for no precision get
    ``precision``. ``states`` are of all packs that somebody has asked for, in that precision by their names."""

    engine: Engine
    load: Load
    memory: Memory
    precision: str = EXACT
    states: dict[str, PackState] = field(default_factory=dict)
    _parked: dict[PackKey, list[Submit]] = field(default_factory=dict)
    _wanted: list[tuple[PackInfo, str]] = field(default_factory=list)
    _loading: PackInfo | None = None
    _news: queue.SimpleQueue[News] = field(default_factory=queue.SimpleQueue)

    def put(self, info: PackInfo, pack: Pack, pace: ThroughputEstimate | None = None) -> None:
        """A pack that is there already."""
        self.engine.add_pack(info.name, pack, pace)
        label = self._label(PackKey(info.name, pack.precision))
        self.states[label] = PackState(info, "resident", megabytes=self.memory.taken(pack) / 2**20)

    def ask(self, info: PackInfo, precision: str = "") -> None:
        """Begins to load a pack, unless it is there or on its way. One that could not be loaded is tried again."""
        key = PackKey(info.name, precision or self.precision)
        if key in self.engine.packs or key in self._parked:
            return
        self._parked[key] = []
        self._wanted.append((info, key.precision))
        self.states[self._label(key)] = PackState(info, "loading", share=0.0)
        self._begin()

    def submit(self, command: Submit) -> list[Event]:
        """Hands the job to the engine, at once or when its pack is there."""
        precision = command.request.precision or self.precision
        command = replace(command, request=replace(command.request, precision=precision))
        key = PackKey(command.pack.name, precision)
        if key in self.engine.packs:
            return self._hand_over(command)
        self.ask(command.pack, precision)
        self._parked[key].append(command)
        return []

    def cancel(self, job: str, *, keep: bool) -> list[Event]:
        for parked in self._parked.values():
            for command in parked:
                if command.job == job:
                    parked.remove(command)
                    return [Cancelled(job)]
        return self.engine.cancel(job, keep=keep)

    @property
    def is_loading(self) -> bool:
        return self._loading is not None

    def settle(self) -> list[Event]:
        """What has come of the loading since the last time."""
        events: list[Event] = []
        while True:
            try:
                key, news = self._news.get_nowait()
            except queue.Empty:
                return events
            events += self._take(key, news)

    def _label(self, key: PackKey) -> str:
        return key.name if key.precision == self.precision else f"{key.name} ({key.precision})"

    def _take(self, key: PackKey, news: float | Pack | StudioError) -> list[Event]:
        label = self._label(key)
        state = self.states[label]
        if isinstance(news, float):
            self.states[label] = replace(state, share=news)
            return []
        self._loading = None
        parked = self._parked.pop(key)
        if isinstance(news, StudioError):
            self.states[label] = PackState(state.info, "failed", problem=news.message)
            events: list[Event] = [Failed(command.job, news) for command in parked]
        else:
            self.put(state.info, news)
            events = [event for command in parked for event in self._hand_over(command)]
        self._begin()
        return events

    def _hand_over(self, command: Submit) -> list[Event]:
        return self.engine.submit(command.job, command.request, command.owner, command.images, command.address)

    def _begin(self) -> None:
        if self._loading is not None or not self._wanted:
            return
        info, precision = self._wanted.pop(0)
        self._loading = info
        self._make_room(info)
        threading.Thread(target=self._run, args=(info, precision), daemon=True, name="pack loading").start()

    def _make_room(self, info: PackInfo) -> None:
        """Lets packs go, who was asked for longest ago first, until there is room for another one or none is left that
        nobody needs."""
        for key in self.engine.packs:
            if self.memory.needs(info) <= MEMORY_SHARE * self.memory.free():
                return
            if self.engine.drop_pack(key):
                label = self._label(key)
                self.states[label] = PackState(self.states[label].info, "available")

    def _run(self, info: PackInfo, precision: str) -> None:
        key = PackKey(info.name, precision)
        try:
            needed, free = self.memory.needs(info), self.memory.free()
            if needed > MEMORY_SHARE * free:
                raise PackError(
                    "The pack {pack} needs {needed} GB, and {free} GB are free. Wait until other packs are no longer "
                    "needed, or choose a smaller one.",
                    pack=info.title,
                    needed=f"{needed / 2**30:.1f}",
                    free=f"{free / 2**30:.1f}",
                )
            pack = self.load(info, precision, lambda share: self._news.put((key, share)))
        except StudioError as error:
            self._news.put((key, error))
        except BaseException as error:  # whatever it is, somebody waits for an answer
            logger.exception("the pack %s cannot be loaded", info.title)
            problem = PackError(
                "The pack {pack} cannot be loaded ({kind}); the log says more.",
                pack=info.title,
                kind=type(error).__name__,
            )
            self._news.put((key, problem))
        else:
            self._news.put((key, pack))
