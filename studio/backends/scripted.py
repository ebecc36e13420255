"""An engine that draws nothing: of each job it says what a script says, at once and without torch.

What is above an engine is tested with it, in milliseconds; and with ``STUDIO_ENGINE=scripted`` one can work on the page
while nothing is drawn.

    LocalClient(settings, engine=scripted(lambda command: Script((Started(command.job),))))

`ScriptedClient` is likewise for what follows a job: it hands out one list of news after the other, without a clock.
"""

from __future__ import annotations

import colorsys
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np

from studio.backends.messages import (
    Alive,
    Cancel,
    Command,
    Embed,
    Embedded,
    LoadPack,
    Message,
    Packs,
    Ready,
    Submit,
    WorkerOptions,
)
from studio.engine.scheduler import Limits
from studio.errors import PackError
from studio.events import ENDS, Cancelled, Drawn, Event, Finished, Previewed, Started
from studio.images.jpeg import encoded
from studio.images.pixels import Image, Pixels
from studio.models.catalogue import PackState
from studio.requests.request import Request

HELD = "hold"  # a prompt with this word is drawn halfway, and goes on when it is stopped
HUES = 12


@dataclass(frozen=True)
class Script:
    """What becomes of a job: ``events`` in their order. Where none of them ends it, it goes on until it is cancelled;
    ``kept`` comes before that end where what there is, is kept."""

    events: tuple[Event, ...]
    kept: tuple[Event, ...] = ()


Author: TypeAlias = Callable[[Submit], Script]


def usual(command: Submit) -> Script:
    """A job that goes well: each picture is previewed at each step, and is of one colour, which its seed decides. One
    whose prompt has the word HELD is halfway until it is stopped."""
    job, request = command.job, command.request
    last = request.steps // 2 if HELD in request.caption.split() else request.steps
    previews = tuple(
        Previewed(job, index, step, request.steps, _preview(request.alone(index)), None, share=step / request.steps / 2)
        for step in range(1, last + 1)
        for index in range(request.count)
    )
    drawn = tuple(_drawn(job, index, request.alone(index)) for index in range(request.count))
    if last < request.steps:
        return Script((Started(job), *previews), tuple(replace(each, stopped_at=last) for each in drawn))
    return Script((Started(job), *previews, *drawn, Finished(job)))


class ScriptedBackend:
    """In place of an `EngineProcess`. One thread says everything, job after job."""

    def __init__(
        self,
        options: WorkerOptions,
        on_message: Callable[[Message], None],
        on_end: Callable[[], None],
        author: Author = usual,
    ) -> None:
        self._author, self._on_message, self._on_end = author, on_message, on_end
        self._going_on: dict[str, Script] = {}
        self._states = {options.pack.name: PackState(options.pack, "resident")}
        self._inbox = ThreadPoolExecutor(1, "scripted engine")
        self._inbox.submit(self._show, {})
        self._inbox.submit(on_message, Ready("script", options.limits.inputs))

    def send(self, command: Command | None) -> None:
        with contextlib.suppress(RuntimeError):  # closed already
            self._inbox.submit(self._handle_command, command)

    def close(self) -> None:
        self._inbox.shutdown(wait=True, cancel_futures=True)
        self._on_end()

    def _handle_command(self, command: Command | None) -> None:
        match command:
            case Submit(job=job):
                script = self._author(command)
                self._show({command.pack.name: PackState(command.pack, "resident")})
                self._on_message(list(script.events))
                if not any(isinstance(event, ENDS) for event in script.events):
                    self._going_on[job] = script
            case Cancel(job=job, keep=keep):
                if job in self._going_on:
                    script = self._going_on.pop(job)
                    self._on_message([*(script.kept if keep else ()), Cancelled(job)])
            case LoadPack(pack=pack):
                self._show({pack.name: PackState(pack, "resident")})
            case Embed(name=name):
                self._on_message(
                    Embedded(name, "", (), PackError("Nothing is looked at by an engine that follows a script."))
                )

    def _show(self, states: Mapping[str, PackState]) -> None:
        self._states |= states
        self._on_message(Packs(dict(self._states)))


def scripted(author: Author) -> Callable[..., ScriptedBackend]:
    """What starts an engine that says what ``author`` writes."""
    return partial(ScriptedBackend, author=author)


class ScriptedClient:
    """A client whose every job is called "job" and has this ``news``, list by list; an empty one is a heartbeat. What
    it was asked is in ``submitted`` and ``cancelled``. For the rest see `EngineClient`."""

    inputs: float | None = Limits.inputs
    pulse = Alive()

    def __init__(self, *news: Sequence[Event], packs: Sequence[PackState] = (), device: str = "script") -> None:
        self.device = device
        self.submitted: list[Request] = []
        self.cancelled: list[str] = []
        self._news, self._packs = news, tuple(packs)

    def packs(self) -> tuple[PackState, ...]:
        return self._packs

    def loras(self) -> list[str]:
        return []

    def load(self, pack: str) -> None:
        """It is loaded."""

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
        self.submitted.append(request)
        return "job"

    def events(self, job: str, heartbeat: float | None = None) -> Iterator[list[Event]]:
        for news in self._news:
            yield list(news)

    def look(self, items: Sequence[Pixels | str]) -> None:
        """It has no model that looks."""

    def cancel(self, job: str, *, keep: bool = False) -> None:
        self.cancelled.append(job)


def _drawn(job: str, index: int, request: Request) -> Drawn:
    picture = np.full((request.height, request.width, 3), _colour(request), np.uint8)
    return Drawn(job, index, request, "", 0.0, pixels=Pixels.of(picture))


def _preview(request: Request) -> bytes:
    return encoded(np.full((8, 8, 3), _colour(request), np.uint8))


def _colour(request: Request) -> tuple[int, int, int]:
    """One of as many hues as there are, 0..255 each."""
    red, green, blue = colorsys.hsv_to_rgb(request.seed % HUES / HUES, 0.5, 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)
