"""The live view: a job's pictures as they appear.

`View` folds a job's events into what the page shows, `follow` yields it whenever it changes, and `LiveView` is the
component that shows it. Closing the page ends the following, not the job.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.backends.client import EngineClient
from studio.events import Cancelled, Drawn, Event, Failed, Finished, Previewed, Progressed, Queued, Started
from studio.images.jpeg import preview_tables, split
from studio.requests.forward_process import ForwardProcess
from studio.requests.interpolate import Interpolate
from studio.requests.request import Request
from studio.requests.super_resolve import SuperResolve
from tabs.components.scripted import Scripted
from tabs.locale.catalogue import in_language
from tabs.locale.words import words_of
from tabs.routes.animations import pictures_query, trajectory_query
from tabs.routes.pictures import PICTURES_URL, deviation_url
from tabs.routes.sources import enlarged_url

ENDED = ("done", "stopped", "failed")  # states of a view
PREPARING, NOT_PREPARING = ({"preparing": preparing} for preparing in (True, False))  # what is shown stays meanwhile
FRAME_SECONDS = 0.1  # between two updates of a page, at least; what happens meanwhile is folded into the next
UPDATES_A_SECOND = 32  # of all pages together, at most: each costs the page's process some milliseconds
MOST_WORDS, LONGEST_WORD = 12, 30  # of a prompt's unknown words, what is shown
HEARTBEAT_SECONDS = 0.3  # so that a closed page is noticed; likewise at least


class LiveView(Scripted):
    """Shows a `View`. The template is static; its script only sets texts and sources, never markup."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            "live",
            View().as_json(),
            words=words_of("live_", "tab_"),
            tables=f"data:image/jpeg;base64,{base64.b64encode(preview_tables()).decode()}",  # of all previews
            takers=[],  # the tabs that pictures can be sent to
            **options,
        )


@dataclass
class _Frame:
    """One picture of the view: ``preview`` is how it looks while it appears, a JPEG in base64 without its tables;
    ``source`` is a whole one as a data URL, and then the file's own address. ``note`` says what tells it from the
    others where that is not the seed; ``trajectory`` asks for the animation of its own steps; ``score`` is how well it
    shows what was asked for."""

    source: str = ""
    preview: str = ""
    seed: int | None = None
    note: str = ""
    trajectory: str = ""
    score: float | None = None
    step: int = 0
    tiles: tuple[int, int] | None = None  # of a large picture's next step, seen and all
    is_done: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "preview": self.preview,
            "seed": None if self.seed is None else str(self.seed),
            "note": self.note,
            "trajectory": self.trajectory,
            "score": None if self.score is None else round(self.score, 3),
            "done": self.is_done,
        }


@dataclass
class View:
    """What the live view shows of one job; folds events in, one after the other."""

    prompt: str = ""
    width: int = 1
    height: int = 1
    state: str = "empty"  # empty, waking, queued, running, done, stopped, failed
    ahead: int = 0
    wait: float | None = None  # seconds until it is likely to start
    steps: int = 0
    seconds_left: float | None = None
    message: str = ""
    language: str = "en"  # of the message
    is_prompt_cut: bool = False
    unknown_words: tuple[str, ...] = ()
    replaced_words: tuple[tuple[str, str], ...] = ()
    lacks_words: bool = False  # nobody has said what is to be seen
    is_again: bool = False  # the engine that drew it before was lost
    is_awake: bool = True  # whether there is an engine, be it a busy one
    loading: float | None = None  # the share of the model that is there, while it is being loaded
    share: float = 0.0  # of the job's time that has passed, 0..1
    before: str = ""  # what the pictures can be compared with
    is_interpolation: bool = False  # whether the pictures make an animation together
    has_trajectories: bool = False  # whether each has one of its own
    frames: list[_Frame] = field(default_factory=list)

    @classmethod
    def of(cls, request: Request, language: str = "en") -> View:
        frames = [_Frame(seed=request.alone(index).seed, note=note) for index, note in enumerate(_notes(request))]
        before = enlarged_url(request.image, request.scale) if isinstance(request, SuperResolve) else ""
        view = cls(request.caption, request.width, request.height, "waking", before=before, frames=frames)
        view.language = language
        view.is_interpolation, view.has_trajectories = isinstance(request, Interpolate), request.trajectory
        return view

    def fold(self, event: Event) -> None:
        match event:
            case Queued(ahead=ahead, seconds=seconds):
                self.state, self.ahead, self.wait = "queued", ahead, seconds
            case Started():
                self.state, self.is_prompt_cut, self.seconds_left = "running", event.is_prompt_cut, event.seconds
                self.unknown_words, self.replaced_words = event.unknown_words, event.replaced_words
                self.is_again, self.lacks_words = event.is_again, event.lacks_words
            case Progressed(index=index, tiles=tiles, all_tiles=all_tiles, share=share):
                self.frames[index].tiles, self.share = (tiles, all_tiles), max(self.share, share)
                self.seconds_left = self.seconds_left if event.seconds_left is None else event.seconds_left
            case Previewed(index=index, step=step, steps=steps, jpeg=jpeg, seconds_left=seconds_left):
                frame = self.frames[index]
                frame.source, frame.preview = _shown(jpeg)
                frame.step, frame.tiles, self.steps, self.seconds_left = step, None, steps, seconds_left
                self.share = max(self.share, event.share)
            case Drawn(index=index, path=path, similarity=similarity) if path is not None:
                frame, name = self.frames[index], Path(path).name
                frame.source, frame.preview = f"{PICTURES_URL}/{name}", ""
                frame.is_done, frame.score = True, similarity
                frame.trajectory = trajectory_query(name) if self.has_trajectories else ""
            case Finished():
                self.state, self.share = "done", 1.0
            case Cancelled():
                self.state = "stopped"
                self.frames = [frame for frame in self.frames if frame.is_done]
            case Failed(error=error):
                self.state, self.message = "failed", in_language(error.message, self.language)
                self.frames = [frame for frame in self.frames if frame.is_done]

    def look(self, client: EngineClient, pack: str) -> None:
        """Sees what the engine does before it says anything of the job."""
        self.is_awake = bool(client.device)
        self.loading = _share_loaded(client, pack) if self.state == "waking" else None

    def greeting(self) -> dict[str, Any]:
        """The view as an answer to a page just loaded; unlike any value it can have, so that it counts as news."""
        return {**self.as_json(), "greeting": secrets.token_hex(4)}

    @property
    def deviation(self) -> str:
        """Where the heat map of several drawings of one picture is, once they are done."""
        return deviation_url(self._names) if self.before and self._has_several else ""

    @property
    def animation(self) -> str:
        """What asks for the animation of an interpolation's pictures, once they are done."""
        return pictures_query(self._names) if self.is_interpolation and self._has_several else ""

    @property
    def _names(self) -> list[str]:
        return [Path(frame.source).name for frame in self.frames if frame.is_done]

    @property
    def _has_several(self) -> bool:
        return self.state == "done" and len(self._names) > 1

    def as_json(self) -> dict[str, Any]:
        behind = min((frame.step for frame in self.frames if not frame.is_done), default=self.steps)
        return {
            "state": self.state,
            "prompt": self.prompt,
            "width": self.width,
            "height": self.height,
            "ahead": self.ahead,
            "wait": None if self.wait is None else round(self.wait),
            "step": behind,
            "steps": self.steps,
            "share": round(self.share, 3),
            "seconds": None if self.seconds_left is None else round(self.seconds_left, 1),
            "message": self.message,
            "tiles": next((frame.tiles for frame in self.frames if frame.tiles and not frame.is_done), None),
            "awake": self.is_awake,
            "loading": self.loading,
            "before": self.before,
            "deviation": self.deviation,
            "animation": self.animation,
            "cut": self.is_prompt_cut,
            "again": self.is_again,
            "wordless": self.lacks_words,
            "unknown": _shortened(self.unknown_words),
            "replaced": _shortened([f"{word} → {known}" for word, known in self.replaced_words]),
            "frames": [frame.as_json() for frame in self.frames],
        }


def _shown(jpeg: bytes) -> tuple[str, str]:
    """The source and the preview of a picture that appears: one of them is empty."""
    with contextlib.suppress(ValueError):  # an odd one is shown as it is
        tables, rest = split(jpeg)
        if tables == preview_tables():
            return "", base64.b64encode(rest).decode()
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}", ""


def _share_loaded(client: EngineClient, pack: str) -> float | None:
    """None while the pack is not being loaded."""
    shares = [state.share for state in client.packs() if state.info.name == pack and state.status == "loading"]
    return shares[0] if shares else None


def _notes(request: Request) -> list[str]:
    """What tells each picture of a request from the others, where that is not its seed."""
    match request:
        case Interpolate(positions=positions):
            return [f"{position:.0%}" for position in positions]
        case ForwardProcess(times=times):
            return [f"t = {time:.2f}" for time in times]
    return [""] * request.count


def _shortened(words: Sequence[str]) -> list[str]:
    """The first words, cut where they are very long, with an ellipsis for what is left out."""
    shown = [word if len(word) <= LONGEST_WORD else f"{word[:LONGEST_WORD]}…" for word in words[:MOST_WORDS]]
    return [*shown, "…"] if len(words) > MOST_WORDS else shown


class Followers:
    """How many pages follow jobs, and how often each may be updated, so that all of them together stay within what the
    page's process can do: opening the page must not wait for other people's previews. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    @contextlib.contextmanager
    def one_more(self) -> Iterator[None]:
        with self._lock:
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1

    @property
    def share(self) -> float:
        """Seconds between two updates of each page that keep all of them within the limit."""
        return self._count / UPDATES_A_SECOND


def follow(
    client: EngineClient, job: str, request: Request, language: str = "en", followers: Followers | None = None
) -> Iterator[dict[str, Any] | None]:
    """The live view's value whenever it changes, to the job's end, with errors in ``language``; None as a heartbeat.
    The more ``followers`` there are, the less often.

    Raises `UnknownJob` before anything is shown.
    """
    followers = followers or Followers()
    with followers.one_more():
        yield from _followed(client, job, View.of(request, language), request.pack, followers)


def _followed(
    client: EngineClient, job: str, view: View, pack: str, followers: Followers
) -> Iterator[dict[str, Any] | None]:
    events, shown = client.events(job, max(HEARTBEAT_SECONDS, followers.share)), 0.0
    view.look(client, pack)
    yield view.as_json()
    for news in events:
        for event in news:
            view.fold(event)
        before = view.is_awake, view.loading
        view.look(client, pack)
        if not news:
            yield None if before == (view.is_awake, view.loading) else view.as_json()
            continue
        yield view.as_json()
        time.sleep(max(0.0, max(FRAME_SECONDS, followers.share) - (time.monotonic() - shown)))
        shown = time.monotonic()
