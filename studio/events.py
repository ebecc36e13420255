"""What a job reports, from the moment it is taken to its end.

    Queued*  Started  (Progressed* Previewed)*  Drawn*  then one of  Finished | Failed | Cancelled

Events are frozen and plain, so that they can cross a process border; pictures travel as raw RGB bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from studio.errors import StudioError
from studio.images.pixels import Pixels
from studio.requests.request import Request


@dataclass(frozen=True)
class Queued:
    """The job waits; ``ahead`` jobs go first, which takes about ``seconds``, if that is known."""

    job: str
    ahead: int
    seconds: float | None = None


@dataclass(frozen=True)
class Started:
    """The job's rows are in the engine from now on, for about ``seconds``, if that is known.

    ``is_prompt_cut`` tells that the prompt is longer than the text encoder reads, and its end has no effect;
    ``unknown_words`` what of the prompt the pack has never met, ``replaced_words`` what it reads in which other words.
    ``is_again``: it had started before, on a machine that was lost. ``lacks_words``: nobody has said what is to be
    seen.
    """

    job: str
    is_prompt_cut: bool = False
    unknown_words: tuple[str, ...] = ()
    seconds: float | None = None
    replaced_words: tuple[tuple[str, str], ...] = ()
    is_again: bool = False
    lacks_words: bool = False


@dataclass(frozen=True)
class Progressed:
    """Picture ``index`` is large: of its next step, the model has seen ``tiles`` of ``all_tiles``; or, where all steps
    are taken, so many are decoded. ``share`` and ``seconds_left``: see `Previewed`."""

    job: str
    index: int
    tiles: int
    all_tiles: int
    share: float = 0.0
    seconds_left: float | None = None


@dataclass(frozen=True)
class Previewed:
    """Picture ``index`` as it looks after ``step`` of ``steps`` model calls: a small JPEG.

    ``seconds_left`` is an estimate from the job's own pace so far; None before there is one. ``is_frame`` tells that it
    belongs to the trajectory that was asked for, and is decoded in full. ``share``, 0..1, is how much of the whole
    job's time has passed: it never falls, and is below 1 until all its pictures are written down.
    """

    job: str
    index: int
    step: int
    steps: int
    jpeg: bytes
    seconds_left: float | None
    is_frame: bool = False
    share: float = 0.0


@dataclass(frozen=True)
class Drawn:
    """Picture ``index`` is done. ``request`` makes this very picture again, alone.

    ``stopped_at`` is None for a whole picture, else the step at which it was stopped and kept. ``path`` is None until
    the recorder has written the picture down; after that ``pixels`` is None. ``similarity`` says how well the picture
    shows what was asked for, as CLIP sees it, -1..1; None where it is the only one, or there is nothing to compare.
    ``model_hash`` names the denoiser's weights, ``revision`` all weights of the pack.
    """

    job: str
    index: int
    request: Request
    model_hash: str
    seconds: float
    stopped_at: int | None = None
    pixels: Pixels | None = None
    path: str | None = None
    similarity: float | None = None
    revision: str = ""


@dataclass(frozen=True)
class Finished:
    """All pictures of the job are drawn."""

    job: str


@dataclass(frozen=True)
class Failed:
    """The job ended without all of its pictures. ``error`` may be shown to a person."""

    job: str
    error: StudioError


@dataclass(frozen=True)
class Cancelled:
    """The job was stopped by its owner."""

    job: str


Event: TypeAlias = Queued | Started | Progressed | Previewed | Drawn | Finished | Failed | Cancelled
ENDS = (Finished, Failed, Cancelled)
