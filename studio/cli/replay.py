"""``python -m studio replay picture.png``: makes a picture again from its own recipe, and compares."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image

from studio.cli import Commands
from studio.cli.drawing import draw
from studio.errors import PackError, StudioError
from studio.gallery.containers import read_recipe
from studio.gallery.recipe import Recipe
from studio.gallery.store import Store, write_picture
from studio.packs.catalogue import find_pack
from studio.settings import Settings


def add(commands: Commands) -> None:
    command = commands.add_parser("replay", help="make a picture again from its own recipe, and compare")
    command.add_argument("picture", type=Path)
    command.add_argument("--pack", help="instead of the pack named in the recipe")
    command.add_argument("--out", type=Path, help="keep the new picture here")
    command.set_defaults(command=run)


def run(given: argparse.Namespace, settings: Settings) -> int:
    recipe = read_recipe(given.picture)
    if recipe.stopped_at is not None:
        raise StudioError(
            f"This picture was stopped at step {recipe.stopped_at}; only whole pictures can be made again."
        )
    pack = given.pack or recipe.request.pack or settings.pack
    try:
        request = replace(recipe.request, pack=find_pack(pack).name, trajectory=False)
    except PackError as error:
        raise PackError(f"{error} Say where it is with --pack.") from None
    images = Store(settings.data).sources_of(request) if request.named else ()
    ((drawn, _),) = draw(request, images, replace(settings, pack=pack))
    assert drawn.pixels is not None
    with PIL.Image.open(given.picture) as image:
        before = np.asarray(image.convert("RGB"), np.int16)
    after = np.frombuffer(drawn.pixels.rgb, np.uint8).reshape(drawn.pixels.height, drawn.pixels.width, 3)
    if before.shape != after.shape:
        raise StudioError(
            f"The picture is {before.shape[1]}x{before.shape[0]}, its recipe makes {request.width}x{request.height}."
        )
    if given.out:
        write_picture(given.out, drawn.pixels, Recipe(request, drawn.model_hash, revision=drawn.revision))
    same_model = not recipe.model_hash or recipe.model_hash == drawn.model_hash
    difference = int(np.abs(before - after).max())
    print(json.dumps({"largest_difference": difference, "same_model": same_model, "seconds": round(drawn.seconds, 2)}))
    return 0
