"""Pictures between two pictures, or two prompts.

python -m studio interpolate one.png other.png --frames 8 --out way
python -m studio interpolate --prompt "a house by day" --other-prompt "a house at night"
"""

from __future__ import annotations

import argparse
from pathlib import Path

import PIL.Image

from studio.cli import Commands, options
from studio.cli.drawing import draw_and_write
from studio.errors import InvalidRequest
from studio.images.animation import animated, shown, strip, video
from studio.images.opening import open_picture
from studio.models.registry import find_pack
from studio.requests.interpolate import Interpolate
from studio.settings import Settings


def add(commands: Commands) -> None:
    command = commands.add_parser(Interpolate.TASK, help=Interpolate.ABOUT)
    command.add_argument("ends", type=Path, nargs="*", metavar="picture", help="the first and the last")
    options.add_fields(command, Interpolate, without=Interpolate.images(), is_prompt_first=False)
    command.set_defaults(command=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    if len(arguments.ends) not in (0, 2):
        raise InvalidRequest("picture", len(arguments.ends), "two of them, or none and words at both ends")
    arguments.image, arguments.other = arguments.ends or (None, None)
    images, pack = options.images_in(arguments, Interpolate), find_pack(arguments.pack or settings.pack)
    request = options.request_of(Interpolate, arguments, pack, images)
    code = draw_and_write(request, tuple(images.values()), arguments, settings)
    if request.count > 1:
        _write_animations(arguments.out, request.count)
    return code


def _write_animations(folder: Path, count: int) -> None:
    """What was drawn, as an animation and side by side."""
    frames = [shown(open_picture((folder / f"{index}.png").read_bytes()).array) for index in range(count)]
    (folder / "way.webp").write_bytes(animated(frames))
    (folder / "way.webm").write_bytes(video(frames))
    PIL.Image.fromarray(strip(frames)).save(folder / "way.png")
