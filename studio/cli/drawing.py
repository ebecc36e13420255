"""What commands do with a request: draw it in an engine of their own, and write what comes of it."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from studio.backends.local import LocalClient
from studio.engine.scheduler import Limits
from studio.errors import InvalidRequest, StudioError
from studio.events import Cancelled, Drawn, Event, Failed, Started
from studio.gallery.recipe import Recipe
from studio.gallery.recorder import Trajectories
from studio.gallery.store import Store, write_picture
from studio.images.animation import animated, decoded
from studio.images.pixels import Image
from studio.models.registry import find_pack
from studio.requests.request import Request
from studio.settings import Settings

Draw: TypeAlias = Callable[[Request, Sequence[Image]], Iterator[tuple[Drawn, list[bytes]]]]


def draw_and_write(request: Request, images: Sequence[Image], arguments: argparse.Namespace, settings: Settings) -> int:
    """Draws, writes each picture where ``--out`` says, and prints one JSON line each. Keeps ``images``, so that the
    recipe can be replayed."""
    is_file = arguments.out.suffix.lower() == ".png"
    if is_file and request.count > 1:
        raise InvalidRequest(
            "out", str(arguments.out), "a folder, since {count} pictures are asked for", count=request.count
        )
    folder = arguments.out.parent if is_file else arguments.out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(
            "out", str(arguments.out), "a folder that can be written to ({reason})", reason=str(error.strerror)
        ) from None
    store = Store(settings.data)
    for image in images:
        store.keep(image)
    for drawn, frames in draw(request, images, replace(settings, pack=arguments.pack or settings.pack)):
        path = arguments.out if is_file else arguments.out / f"{drawn.index}.png"
        assert drawn.pixels is not None
        write_picture(path, drawn.pixels, Recipe(drawn.request, drawn.model_hash, revision=drawn.revision))
        if frames:
            path.with_suffix(".film.webp").write_bytes(animated(decoded(frames)))
        line: dict[str, Any] = {"path": str(path), "seed": drawn.request.seed, "seconds": round(drawn.seconds, 2)}
        if drawn.similarity is not None:
            line["similarity"] = round(drawn.similarity, 3)
        print(json.dumps(line, ensure_ascii=False), flush=True)
    return 0


def draw(request: Request, images: Sequence[Image], settings: Settings) -> Iterator[tuple[Drawn, list[bytes]]]:
    """Draws ``request`` in an engine process of its own: each picture, and the frames of its film if one was asked
    for. Raises the error that the job ends with, if any."""
    request.check_sampling(find_pack(settings.pack).process)  # before an engine is started for nothing
    with engine(settings) as draw_there:
        yield from draw_there(request, images)


@contextlib.contextmanager
def engine(settings: Settings, *, again: bool = False) -> Iterator[Draw]:
    """An engine process that draws one request after the other, as `draw` does.

    With ``again``, what earlier versions drew is drawn as it was. It serves one job at a time, so it does not spend
    seconds on finding the best size of a call.
    """
    films: dict[int, list[bytes]] = {}
    collected = Trajectories()

    def record(event: Event) -> Event:
        if isinstance(event, Drawn):
            films[event.index] = collected.take(event)
        return collected.see(event)

    with LocalClient(replace(settings, batch=settings.batch or round(Limits.inputs)), record) as client:

        def draw_there(request: Request, images: Sequence[Image]) -> Iterator[tuple[Drawn, list[bytes]]]:
            for event in itertools.chain.from_iterable(
                client.events(client.submit(request, images=images, again=again))
            ):
                if isinstance(event, Started):
                    _warn(event)
                elif isinstance(event, Drawn):
                    yield event, films[event.index]
                elif isinstance(event, Failed):
                    raise event.error
                elif isinstance(event, Cancelled):
                    raise StudioError("The job was cancelled.")

        yield draw_there


def _warn(started: Started) -> None:
    """Says what of the prompt will have no effect."""
    if started.lacks_words:
        print("The prompt is empty, so the pack draws what it likes.", file=sys.stderr)
    if started.is_prompt_cut:
        print("The prompt is longer than this pack reads; its end has no effect.", file=sys.stderr)
    for word, known in started.replaced_words:
        print(f"This pack does not know {word!r} and draws {known!r} instead.", file=sys.stderr)
    if started.unknown_words:
        print(f"This pack has never met: {', '.join(started.unknown_words)}", file=sys.stderr)
