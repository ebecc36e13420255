"""How everybody else talks to the engine: submit a request, follow its events, cancel it. No torch is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from studio.backends.messages import Alive, Command, Message, WorkerOptions
from studio.events import Event
from studio.images.pixels import Image, Pixels
from studio.models.catalogue import PackState
from studio.requests.request import Request


@dataclass(frozen=True)
class EmbeddedPictures:
    """``name`` of the model that looked, and a vector for each item, float32 as bytes."""

    name: str
    vectors: tuple[bytes, ...]


class EngineClient(Protocol):
    """What the pages and the command line know of the engine.

    device: what it runs on; empty until it is there
    inputs: most model inputs that a call holds; None until it is there
    pulse:  what it did about a second ago
    """

    device: str
    inputs: float | None
    pulse: Alive

    def packs(self) -> tuple[PackState, ...]:
        """The packs that requests may name, as they are now; the one that is loaded first comes first."""

    def loras(self) -> list[str]:
        """The names of the LoRAs that a prompt may ask for, as they are now."""

    def load(self, pack: str) -> None:
        """Loads a pack that somebody is going to need. Never fails; `packs` says how it is going."""

    def submit(
        self,
        request: Request,
        owner: str = "",
        images: Sequence[Image] = (),
        address: str = "",
        *,
        keep: bool = True,
        again: bool = False,
    ) -> str:
        """Takes a request in, with the images that it names; returns the job's name, which cannot be guessed. Owners
        take turns in the engine; ``address`` is where they ask from. Unless it is to ``keep``, nothing of the job is
        written down, its pictures come as pixels, and it is forgotten when it is cancelled. What an earlier version
        drew with fewer steps than are offered now is drawn ``again`` as it was. Raises `InvalidRequest` for an owner
        that is none."""

    def events(self, job: str, heartbeat: float | None = None) -> Iterator[list[Event]]:
        """The job so far, then its news as they come, to its end; of previews only the latest of each picture.

        With ``heartbeat``, an empty list comes whenever that many seconds pass without news. Any number may follow a
        job, at any time. Raises `UnknownJob`.
        """

    def look(self, items: Sequence[Pixels | str]) -> EmbeddedPictures | None:
        """What pictures show and texts say, as vectors that can be compared; with no items, only the model's name.
        Takes as long as the engine takes; None where it does not answer in time. Raises `PackError` where it cannot."""

    def cancel(self, job: str, *, keep: bool = False) -> None:
        """Stops the job at its next step; with ``keep``, unfinished pictures are drawn as they are. Never fails."""


class EngineHandle(Protocol):
    """The engine as its client holds it: an `EngineProcess`, or what stands in for one."""

    def send(self, command: Command | None) -> None:
        """Never waits and never fails; None asks the engine to end."""

    def close(self) -> None: ...


StartEngine: TypeAlias = Callable[[WorkerOptions, Callable[[Message], None], Callable[[], None]], EngineHandle]
