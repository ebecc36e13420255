"""``python -m studio super-resolve --image small.png --scale 4 --samples 3 --out large``"""

from __future__ import annotations

import argparse
from pathlib import Path

from studio.cli import Commands, options
from studio.cli.drawing import draw_and_write
from studio.images.opening import open_picture
from studio.models.registry import find_pack
from studio.requests.super_resolve import SCALES, SuperResolve
from studio.settings import Settings


def add(commands: Commands) -> None:
    command = commands.add_parser("super-resolve", help="a picture with more pixels, whose details are drawn")
    command.add_argument("--image", type=Path, required=True, help="PNG, JPEG or WebP; at most a megapixel")
    command.add_argument("--scale", type=options.number, default=4, help=" or ".join(map(str, SCALES)))
    command.add_argument("--loose", action="store_true", help="do not make it average down to the picture again")
    options.add_sampling(command, count="--samples")
    command.set_defaults(command=run)


def run(given: argparse.Namespace, settings: Settings) -> int:
    picture, pack = open_picture(given.image.read_bytes()), find_pack(given.pack or settings.pack)
    scale = given.scale if given.scale in SCALES else 0  # which the request refuses by name
    request = SuperResolve(
        image=picture.digest,
        scale=given.scale,
        width=picture.width * scale,
        height=picture.height * scale,
        consistent=not given.loose,
        **options.sampling(given, pack),
    )
    return draw_and_write(request, (picture,), given, settings)
