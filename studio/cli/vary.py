"""``python -m studio vary --image photo.jpg --strength 0.6 --count 4 --out pictures``"""

from __future__ import annotations

import argparse
from pathlib import Path

from studio.cli import Commands, options
from studio.cli.drawing import draw_and_write
from studio.images.opening import open_picture
from studio.models.registry import find_pack
from studio.requests.vary import Vary
from studio.settings import Settings


def add(commands: Commands) -> None:
    command = commands.add_parser("vary", help="pictures like a picture")
    command.add_argument("--image", type=Path, required=True, help="PNG, JPEG or WebP")
    command.add_argument(
        "--strength", type=options.number, default=1.0, help="0.05: almost the same, to 1: from noise alone"
    )
    options.add_likeness(command)
    options.add_drawing(command, prompt_may_be_missing=True)
    options.add_size(command)
    options.add_stages(command)
    command.set_defaults(command=run)


def run(given: argparse.Namespace, settings: Settings) -> int:
    picture, pack = open_picture(given.image.read_bytes()), find_pack(given.pack or settings.pack)
    request = Vary(
        image=picture.digest,
        strength=given.strength,
        likeness=given.likeness,
        **options.staged_size(given, pack, picture),
        **options.drawing(given, pack),
    )
    return draw_and_write(request, (picture,), given, settings)
