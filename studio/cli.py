"""The command line.

    python -m studio text-to-image "a red house by the sea" --seed 7 --count 4 --out pictures
    python -m studio replay picture.png
    python -m studio samplers
    python -m studio packs

A request outside its limits ends with exit code 2 and one line; a job that fails, with exit code 1.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image

from studio.client import LocalClient
from studio.errors import InvalidRequest, PackError, StudioError
from studio.events import Cancelled, Drawn, Failed, Started
from studio.gallery.recipe import Recipe, read_recipe
from studio.gallery.store import write_picture
from studio.packs.catalogue import PACKS, find_pack
from studio.requests import RANDOM_SEEDS, Request, TextToImage
from studio.samplers.catalogue import DEFAULT_SAMPLER, SAMPLERS
from studio.settings import Settings, read_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    command: Callable[[argparse.Namespace, Settings], int] = given.command
    try:
        return command(given, read_settings(os.environ))
    except (InvalidRequest, PackError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except StudioError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{parser.prog}: {error.strerror or error}: {error.filename or ''}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, like every other error here."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m studio", description="Latent Studio on the command line.")
    commands = parser.add_subparsers(required=True, metavar="command")
    draw = commands.add_parser("text-to-image", help="pictures from words")
    draw.add_argument("prompt")
    draw.add_argument("--negative", default="", help="what should not be in the picture")
    draw.add_argument("--seed", type=_number, help="0 to 2^63-1; random if not given")
    draw.add_argument("--steps", type=_number, help="1 to 150; the pack's own if not given")
    draw.add_argument("--sampler", default=DEFAULT_SAMPLER, help="see: python -m studio samplers")
    draw.add_argument("--guidance", type=_number, help="1 to 30; the pack's own if not given")
    draw.add_argument("--rescale", type=_number, default=0.0, help="guidance rescale, 0 to 1")
    draw.add_argument("--eta", type=_number, default=0.0, help="noise of DDIM, 0 to 1")
    draw.add_argument("--width", type=_number, help="64 to 2048 in multiples of 8; the pack's own if not given")
    draw.add_argument("--height", type=_number, help="likewise")
    draw.add_argument("--count", type=_number, default=1, help="1 to 16 pictures")
    draw.add_argument("--pack", help="name, diffusers folder or .safetensors file")
    draw.add_argument(
        "--out", type=Path, default=Path(), help="folder for 0.png, 1.png, ...; or a .png for one picture"
    )
    draw.set_defaults(command=_text_to_image)
    again = commands.add_parser("replay", help="make a picture again from its own recipe, and compare")
    again.add_argument("picture", type=Path)
    again.add_argument("--pack", help="instead of the pack named in the recipe")
    again.add_argument("--out", type=Path, help="keep the new picture here")
    again.set_defaults(command=_replay)
    commands.add_parser("samplers", help="list the samplers").set_defaults(command=_samplers)
    commands.add_parser("packs", help="list the packs").set_defaults(command=_packs)
    return parser


def _number(text: str) -> int | float | str:
    """An int or float where the text is one; anything else is left for the request to refuse by name."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _text_to_image(given: argparse.Namespace, settings: Settings) -> int:
    pack = find_pack(given.pack or settings.pack)
    request = TextToImage(
        prompt=given.prompt,
        negative=given.negative,
        pack=pack.name,
        width=pack.size if given.width is None else given.width,
        height=pack.size if given.height is None else given.height,
        seed=random.randrange(RANDOM_SEEDS) if given.seed is None else given.seed,
        steps=pack.steps if given.steps is None else given.steps,
        sampler=given.sampler,
        guidance=pack.guidance if given.guidance is None else given.guidance,
        rescale=given.rescale,
        eta=given.eta,
        count=given.count,
    )
    is_file = given.out.suffix.lower() == ".png"
    if is_file and request.count > 1:
        raise InvalidRequest("out", str(given.out), f"a folder, since {request.count} pictures are asked for")
    folder = given.out.parent if is_file else given.out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest("out", str(given.out), f"a folder that can be written to ({error.strerror})") from None
    for drawn in _draw(request, replace(settings, pack=given.pack or settings.pack)):
        path = given.out if is_file else given.out / f"{drawn.index}.png"
        assert drawn.pixels is not None
        write_picture(path, drawn.pixels, Recipe(drawn.request, drawn.model_hash))
        line = {"path": str(path), "seed": drawn.request.seed, "seconds": round(drawn.seconds, 2)}
        print(json.dumps(line, ensure_ascii=False), flush=True)
    return 0


def _replay(given: argparse.Namespace, settings: Settings) -> int:
    recipe = read_recipe(given.picture)
    if recipe.stopped_at is not None:
        raise StudioError(
            f"This picture was stopped at step {recipe.stopped_at}; only whole pictures can be made again."
        )
    pack = given.pack or recipe.request.pack or settings.pack
    try:
        request = replace(recipe.request, pack=find_pack(pack).name)
    except PackError as error:
        raise PackError(f"{error} Say where it is with --pack.") from None
    (drawn,) = _draw(request, replace(settings, pack=pack))
    assert drawn.pixels is not None
    with Image.open(given.picture) as image:
        before = np.asarray(image.convert("RGB"), np.int16)
    after = np.frombuffer(drawn.pixels.rgb, np.uint8).reshape(drawn.pixels.height, drawn.pixels.width, 3)
    if before.shape != after.shape:
        raise StudioError(
            f"The picture is {before.shape[1]}x{before.shape[0]}, its recipe makes {request.width}x{request.height}."
        )
    if given.out:
        write_picture(given.out, drawn.pixels, Recipe(request, drawn.model_hash))
    same_model = not recipe.model_hash or recipe.model_hash == drawn.model_hash
    difference = int(np.abs(before - after).max())
    print(json.dumps({"largest_difference": difference, "same_model": same_model, "seconds": round(drawn.seconds, 2)}))
    return 0


def _draw(request: Request, settings: Settings) -> Iterator[Drawn]:
    """Draws ``request`` in an engine process of its own. Raises the error that the job ends with, if any."""
    with LocalClient(settings) as client:
        for event in itertools.chain.from_iterable(client.events(client.submit(request))):
            if isinstance(event, Started):
                _warn(event)
            elif isinstance(event, Drawn):
                yield event
            elif isinstance(event, Failed):
                raise event.error
            elif isinstance(event, Cancelled):
                raise StudioError("The job was cancelled.")


def _warn(started: Started) -> None:
    """Says what of the prompt will have no effect."""
    if started.is_prompt_cut:
        print("The prompt is longer than this pack reads; its end has no effect.", file=sys.stderr)
    if started.unknown_words:
        print(f"This pack has never met: {', '.join(started.unknown_words)}", file=sys.stderr)


def _samplers(given: argparse.Namespace, settings: Settings) -> int:
    for sampler in SAMPLERS.values():
        note = " (distilled models only)" if sampler.distilled else ""
        print(
            f"{sampler.name}\t{sampler.calls} model call{'s' * (sampler.calls > 1)} a step\t{sampler.description}{note}"
        )
    return 0


def _packs(given: argparse.Namespace, settings: Settings) -> int:
    for pack in PACKS.values():
        print(f"{pack.name}\t{pack.title}\t{pack.size} px\t{pack.source}")
    return 0
