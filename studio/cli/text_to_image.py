"""``python -m studio text-to-image "a red house by the sea" --seed 7 --count 4 --out pictures``"""

from __future__ import annotations

import argparse
from pathlib import Path

from studio.cli import Commands, options
from studio.cli.drawing import draw_and_write
from studio.images.opening import open_picture
from studio.models.registry import find_pack
from studio.requests.text_to_image import TextToImage
from studio.settings import Settings


def add(commands: Commands) -> None:
    command = commands.add_parser("text-to-image", help="pictures from words")
    options.add_drawing(command)
    options.add_size(command)
    options.add_stages(command)
    command.add_argument("--image", type=Path, help="PNG, JPEG or WebP to begin from")
    command.add_argument(
        "--strength", type=options.number, default=TextToImage.strength, help="0.05 to 1, with --image"
    )
    command.add_argument("--variation", type=options.number, default=0.0, help="0 to 1, how far to a second seed")
    command.add_argument("--variation-seed", type=options.number, default=0, help="the second seed")
    command.set_defaults(command=run)


def run(given: argparse.Namespace, settings: Settings) -> int:
    pack = find_pack(given.pack or settings.pack)
    pictures = () if given.image is None else (open_picture(given.image.read_bytes()),)
    size = options.staged_size(given, pack, *pictures)
    request = TextToImage(
        image=pictures[0].digest if pictures else "",
        strength=given.strength,
        variation=given.variation,
        variation_seed=given.variation_seed,
        **size,
        **options.drawing(given, pack),
    )
    return draw_and_write(request, pictures, given, settings)
