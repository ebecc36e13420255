"""``python -m studio replay PICTURE...``: makes pictures again from their own recipes, and compares."""

from __future__ import annotations

import argparse
import itertools
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import PIL.Image

from studio.cli import Commands
from studio.cli.drawing import Draw, engine
from studio.errors import InvalidRequest, PackError, StudioError
from studio.gallery.containers import read_recipe
from studio.gallery.recipe import Recipe
from studio.gallery.store import Store, write_picture
from studio.models.registry import find_pack
from studio.requests.request import Request
from studio.settings import Settings


def add(commands: Commands) -> None:
    command = commands.add_parser("replay", help="make pictures again from their own recipes, and compare")
    command.add_argument("pictures", type=Path, nargs="+", metavar="picture")
    command.add_argument("--pack", help="instead of the pack named in the recipe")
    command.add_argument("--out", type=Path, help="keep the new picture here; a folder, if there are several")
    command.set_defaults(command=run)


@dataclass(frozen=True)
class _Again:
    """A picture that is to be made again: what ``request`` asks of ``pack``; ``out`` is where the new one is kept."""

    path: Path
    recipe: Recipe
    pack: str
    request: Request
    out: Path | None


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """One JSON line a picture. All recipes are read before anything is drawn; one engine draws all of one pack."""
    names = [picture.name for picture in arguments.pictures]
    if arguments.out and len(set(names)) < len(names):
        raise InvalidRequest("out", str(arguments.out), "no folder, as several of the pictures have the same name")
    wanted = [_read(picture, arguments, settings) for picture in arguments.pictures]
    for pack, pictures in itertools.groupby(wanted, key=lambda picture: picture.pack):
        with engine(replace(settings, pack=pack), again=True) as draw:
            for picture in pictures:
                print(json.dumps(_made_again(picture, draw, settings.data), ensure_ascii=False), flush=True)
    return 0


def _read(path: Path, arguments: argparse.Namespace, settings: Settings) -> _Again:
    recipe = read_recipe(path)
    if recipe.stopped_at is not None:
        raise StudioError(
            "This picture was stopped at step {step}; only whole pictures can be made again.", step=recipe.stopped_at
        )
    pack = arguments.pack or recipe.request.pack or settings.pack
    try:
        request = replace(recipe.request, pack=find_pack(pack).name, trajectory=False)
    except PackError as error:
        raise PackError("{error} Say where it is with --pack.", error=error.message) from None
    out = arguments.out / path.name if arguments.out and len(arguments.pictures) > 1 else arguments.out
    return _Again(path, recipe, pack, request, out)


def _made_again(picture: _Again, draw: Draw, data: Path) -> dict[str, object]:
    """Draws it, writes it if asked to, and says how it differs."""
    recipe, request = picture.recipe, picture.request
    images = Store(data).sources_of(request) if request.named else ()
    ((drawn, _),) = draw(request, images)
    assert drawn.pixels is not None
    with PIL.Image.open(picture.path) as image:
        before = np.asarray(image.convert("RGB"), np.int16)
    after = drawn.pixels.array
    if before.shape != after.shape:
        raise StudioError(
            "The picture is {size}, its recipe makes {other}.",
            size=f"{before.shape[1]}x{before.shape[0]}",
            other=f"{request.width}x{request.height}",
        )
    if picture.out:
        write_picture(picture.out, drawn.pixels, Recipe(drawn.request, drawn.model_hash, revision=drawn.revision))
    return {
        "picture": str(picture.path),
        "largest_difference": int(np.abs(before - after).max()),
        "same_model": not recipe.model_hash or recipe.model_hash == drawn.model_hash,
        "seconds": round(drawn.seconds, 2),
    }
