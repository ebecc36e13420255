"""Draws a part of a picture anew, or beyond its edges.

python -m studio inpaint "a red house" --image photo.jpg --mask mask.png --only-masked --out pictures
python -m studio inpaint "the sea at night" --image photo.jpg --extend 200,0,200,0
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from studio.cli import Commands, options
from studio.cli.drawing import draw_and_write
from studio.errors import InvalidRequest
from studio.images import masks
from studio.images.opening import open_mask, open_picture
from studio.images.pixels import Mask, Pixels
from studio.images.resizing import mask_of_size
from studio.models.registry import find_pack
from studio.requests.inpaint import Inpaint
from studio.settings import Settings


def add(commands: Commands) -> None:
    command = commands.add_parser(Inpaint.TASK, help=Inpaint.ABOUT)
    options.add_fields(command, Inpaint, without=("mask",))
    add = command.add_argument
    add("--mask", type=Path, help="light and opaque = draw anew; of the picture's shape")
    add("--invert", action="store_true", help="draw anew what the mask leaves out")
    add("--grow", type=int, default=0, help="pixels by which the mask grows, or shrinks if negative")
    add("--extend", type=_sides, help="LEFT,TOP,RIGHT,BOTTOM pixels of new canvas; no mask needed")
    command.set_defaults(command=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    picture, mask = _picture_and_mask(arguments)
    pack = find_pack(arguments.pack or settings.pack)
    request = options.request_of(Inpaint, arguments, pack, {"image": picture, "mask": mask})
    return draw_and_write(request, (picture, mask), arguments, settings)


def _picture_and_mask(arguments: argparse.Namespace) -> tuple[Pixels, Mask]:
    """The picture, on a larger canvas if asked for, and what of it to draw anew."""
    source = open_picture(arguments.image.read_bytes())
    picture, painted = source.array, np.zeros((source.height, source.width), np.uint8)
    if arguments.mask:
        painted = mask_of_size(open_mask(arguments.mask.read_bytes()), source.width, source.height).array
    elif not arguments.extend:
        raise InvalidRequest("mask", None, "--mask FILE, or --extend LEFT,TOP,RIGHT,BOTTOM")
    if arguments.invert:
        painted = 255 - painted
    painted = masks.grown(painted, arguments.grow)
    if arguments.extend:
        left, top, right, bottom = arguments.extend
        picture, new = masks.extended(picture, arguments.extend)
        painted = np.maximum(new, np.pad(painted, ((top, bottom), (left, right))))
    return Pixels.of(picture), Mask.of(painted)


def _sides(text: str) -> tuple[int, int, int, int]:
    left, top, right, bottom = (int(side) for side in text.split(","))
    if min(left, top, right, bottom) < 0:
        raise ValueError
    return left, top, right, bottom
