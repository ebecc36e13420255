"""What the client and the engine's process say to each other. Plain values; no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from studio.engine.scheduler import Limits
from studio.errors import StudioError
from studio.events import Event
from studio.images.pixels import Image, Pixels
from studio.models.catalogue import PackInfo, PackState
from studio.requests.request import Request
from studio.settings import Settings


@dataclass(frozen=True)
class Submit:
    """``pack`` is the one that the request names."""

    job: str
    request: Request
    pack: PackInfo
    owner: str
    images: Mapping[str, Image]
    address: str = ""


@dataclass(frozen=True)
class Cancel:
    job: str
    keep: bool


@dataclass(frozen=True)
class LoadPack:
    """Somebody is going to need this pack."""

    pack: PackInfo


@dataclass(frozen=True)
class Embed:
    """Pictures and texts that the gallery wants to compare; `Embedded` of the same ``name`` answers."""

    name: str
    items: tuple[Pixels | str, ...]


@dataclass(frozen=True)
class Embedded:
    """What each of the items shows or says, float32 as bytes, as ``model`` sees it; ``error`` says why there is
    nothing."""

    name: str
    model: str
    vectors: tuple[bytes, ...]
    error: StudioError | None = None


@dataclass(frozen=True)
class Ready:
    """The first pack is loaded on ``device``; a call holds ``inputs`` model inputs."""

    device: str
    inputs: float


@dataclass(frozen=True)
class Broken:
    """The engine cannot run at all; the worker ends after saying so."""

    error: StudioError


@dataclass(frozen=True)
class Packs:
    """How packs that somebody has asked for are now, by their names."""

    states: Mapping[str, PackState]


@dataclass(frozen=True)
class Alive:
    """The worker is well, and this is what it does.

    rows:    pictures in flight
    waiting: jobs in the queue
    inputs:  model inputs of the last call; 0 where there is none
    steps_a_second: of all pictures together, since the last time
    """

    rows: int = 0
    waiting: int = 0
    inputs: int = 0
    steps_a_second: float = 0.0


@dataclass(frozen=True)
class WorkerOptions:
    """What an engine is made from: ``pack`` is loaded first, and ``settings`` are those of the whole studio."""

    pack: PackInfo
    settings: Settings

    @property
    def limits(self) -> Limits:
        settings = self.settings
        return Limits(
            inputs=settings.batch or Limits.inputs,
            rows=settings.rows,
            waiting=settings.queue,
            each=settings.each,
            each_address=settings.each_address,
            strict=settings.strict,
        )

    @property
    def calibrates(self) -> bool:
        """Whether the limit on inputs is found by trying instead."""
        return self.settings.batch is None


Command: TypeAlias = Submit | Cancel | LoadPack | Embed
Message: TypeAlias = Ready | Broken | Packs | Alive | Embedded | list[Event]
