"""A contact sheet: many small pictures on one page, each with the beginning of its prompt and its seed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import BinaryIO

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from studio.gallery.exports import Options, pixels_of, readable
from studio.gallery.pictures import Picture
from studio.gallery.store import Store

ENDING, MEDIA_TYPE = "png", "image/png"
SIDE, GAP, LINE = 224, 16, 22  # pixels
MOST = 500  # pictures; the sheet then has 25 megapixels
PAPER, INK, FAINT = (250, 249, 252), (44, 38, 66), (124, 115, 153)
FONTS = ("NotoSansCJK-Regular.ttc", "DejaVuSans.ttf")  # the first that the machine has
SIZE = 13  # of the letters


def write(pictures: Iterable[Picture], store: Store, file: BinaryIO, options: Options) -> None:
    """Takes the first `MOST` pictures."""
    tiles: list[PIL.Image.Image] = []
    font = _font()
    for picture, _ in readable(pictures, store):
        tiles.append(_tile(picture, store, font, with_text=options.recipes))
        if len(tiles) == MOST:
            break
    columns = max(1, math.ceil(math.sqrt(len(tiles))))
    rows = max(1, math.ceil(len(tiles) / columns))
    width, height = SIDE + GAP, SIDE + 2 * LINE + GAP
    sheet = PIL.Image.new("RGB", (columns * width + GAP, rows * height + GAP), PAPER)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        sheet.paste(tile, (GAP + column * width, GAP + row * height))
    sheet.save(file, "PNG")


def _tile(picture: Picture, store: Store, font: PIL.ImageFont.FreeTypeFont, *, with_text: bool) -> PIL.Image.Image:
    tile = PIL.Image.new("RGB", (SIDE, SIDE + 2 * LINE), PAPER)
    small = PIL.Image.fromarray(pixels_of(picture, store).array)
    scale = SIDE / max(small.size)
    small = small.resize((max(1, round(small.width * scale)), max(1, round(small.height * scale))))
    tile.paste(small, ((SIDE - small.width) // 2, (SIDE - small.height) // 2))
    if with_text:
        pen = PIL.ImageDraw.Draw(tile)
        pen.text((0, SIDE + 3), _fitted(" ".join(picture.text.split()), pen, font), INK, font)
        pen.text((0, SIDE + 3 + LINE), f"{picture.seed} · {picture.sampler}", FAINT, font)
    return tile


def _fitted(text: str, pen: PIL.ImageDraw.ImageDraw, font: PIL.ImageFont.FreeTypeFont) -> str:
    text = text[:SIDE]
    if pen.textlength(text, font) <= SIDE:
        return text
    while text and pen.textlength(f"{text}…", font) > SIDE:
        text = text[:-1]
    return f"{text}…"


def _font() -> PIL.ImageFont.FreeTypeFont:
    for name in FONTS:
        try:
            return PIL.ImageFont.truetype(name, SIZE)
        except OSError:
            continue
    return PIL.ImageFont.load_default(SIZE)  # type: ignore[return-value]  # which is one where Pillow has FreeType
