"""Pictures between two pictures, or two prompts.

python -m studio interpolate one.png other.png --frames 8 --out way
python -m studio interpolate --prompt "a house by day" --other-prompt "a house at night"
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

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
    command = commands.add_parser("interpolate", help="pictures between two pictures, or two prompts")
    command.add_argument("ends", type=Path, nargs="*", metavar="picture", help="the first and the last")
    command.add_argument("--prompt", default="", help="at the beginning, or all the way")
    command.add_argument("--other-prompt", default="", help="at the end")
    options.add_likeness(command)
    options.add_guidance(command)
    options.add_sampling(command, count="--frames", usual=8)
    options.add_size(command)
    command.set_defaults(command=run)


def run(given: argparse.Namespace, settings: Settings) -> int:
    if len(given.ends) not in (0, 2):
        raise InvalidRequest("picture", len(given.ends), "two of them, or none and words at both ends")
    pictures = [open_picture(path.read_bytes()) for path in given.ends]
    pack = find_pack(given.pack or settings.pack)
    ends: dict[str, Any] = dict(zip(Interpolate.images(), (picture.digest for picture in pictures), strict=False))
    request = Interpolate(
        **ends,
        other_prompt=given.other_prompt,
        likeness=given.likeness,
        **(options.size_like(pictures[0], given, pack) if pictures else options.size(given, pack)),
        **options.drawing(given, pack),
    )
    code = draw_and_write(request, pictures, given, settings)
    if request.count > 1:
        _write_animations(given.out, request.count)
    return code


def _write_animations(folder: Path, count: int) -> None:
    """What was drawn, as an animation and side by side."""
    frames = [shown(open_picture((folder / f"{index}.png").read_bytes()).array) for index in range(count)]
    (folder / "way.webp").write_bytes(animated(frames))
    (folder / "way.webm").write_bytes(video(frames))
    PIL.Image.fromarray(strip(frames)).save(folder / "way.png")
