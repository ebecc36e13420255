"""``python -m studio text-to-image "a red house by the sea" --seed 7 --count 4 --out pictures``"""

from __future__ import annotations

import argparse

from studio.cli import Commands, options
from studio.cli.drawing import draw_and_write
from studio.packs.catalogue import find_pack
from studio.requests.text_to_image import TextToImage
from studio.settings import Settings


def add(commands: Commands) -> None:
    command = commands.add_parser("text-to-image", help="pictures from words")
    options.add_drawing(command)
    options.add_size(command)
    command.set_defaults(command=run)


def run(given: argparse.Namespace, settings: Settings) -> int:
    pack = find_pack(given.pack or settings.pack)
    request = TextToImage(**options.size(given, pack), **options.drawing(given, pack))
    return draw_and_write(request, (), given, settings)
