"""A command for each kind of request that has no file of its own in here, made from its fields.

python -m studio text-to-image "a red house by the sea" --seed 7 --count 4 --out pictures
python -m studio layout-to-image "in the snow at dawn" --boxes layout.json --out pictures
python -m studio super-resolve --image small.png --scale 4 --samples 3 --out large
python -m studio vary --image photo.jpg --strength 0.6 --count 4 --out pictures
python -m studio forward-process --image photo.jpg --count 6 --out pictures
"""

from __future__ import annotations

import argparse
import importlib.util
from functools import partial

from studio.cli import Commands, options
from studio.cli.drawing import draw_and_write
from studio.models.registry import find_pack
from studio.requests import kinds
from studio.requests.request import Request
from studio.settings import Settings


def add(commands: Commands) -> None:
    for task, kind in kinds().items():
        if importlib.util.find_spec(f"studio.cli.{task.replace('-', '_')}") is None:
            command = commands.add_parser(task, help=kind.ABOUT)
            options.add_fields(command, kind)
            command.set_defaults(command=partial(run, kind))


def run(kind: type[Request], arguments: argparse.Namespace, settings: Settings) -> int:
    images, pack = options.images_in(arguments, kind), find_pack(arguments.pack or settings.pack)
    return draw_and_write(
        options.request_of(kind, arguments, pack, images), tuple(images.values()), arguments, settings
    )
