"""``python -m studio layout-to-image "in the snow at dawn" --boxes layout.json --out pictures``"""

from __future__ import annotations

import argparse
from pathlib import Path

from studio.cli import Commands, options
from studio.cli.drawing import draw_and_write
from studio.errors import InvalidRequest
from studio.images.boxes import read_boxes
from studio.models.registry import find_pack
from studio.requests.layout_to_image import LayoutToImage
from studio.settings import Settings


def add(commands: Commands) -> None:
    command = commands.add_parser("layout-to-image", help="pictures from boxes with phrases")
    options.add_drawing(command, prompt_may_be_missing=True)
    command.add_argument(
        "--boxes", type=Path, required=True, help='JSON: [{"phrase": "a red house", "box": [x0, y0, x1, y1]}, ...]'
    )
    command.add_argument(
        "--grounding", type=options.number, default=1.0, help="share of the steps at which boxes steer, 0 to 1"
    )
    options.add_size(command)
    options.add_stages(command)
    command.set_defaults(command=run)


def run(given: argparse.Namespace, settings: Settings) -> int:
    pack = find_pack(given.pack or settings.pack)
    try:
        boxes = read_boxes(given.boxes.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise InvalidRequest("boxes", str(given.boxes), "a file of JSON in UTF-8") from None
    request = LayoutToImage(
        boxes=boxes, grounding=given.grounding, **options.staged_size(given, pack), **options.drawing(given, pack)
    )
    return draw_and_write(request, (), given, settings)
