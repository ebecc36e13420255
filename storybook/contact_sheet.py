"""Draws the contact sheet of the shipped pack: sixteen prompts, each in three languages from the same seed.

python -m storybook.contact_sheet
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from storybook.drawing import draw
from storybook.prompts import SHEET
from storybook.world import LANGUAGES
from studio.models.catalogue import STORYBOOK, PackInfo
from studio.models.loading import load_pack
from studio.models.registry import find_pack
from studio.requests.text_to_image import TextToImage

SEED = 11
CELLS_ACROSS = 4
LABEL_HEIGHT, GAP = 24, 12
PAPER, INK = (250, 249, 252), (44, 38, 66)


def draw_all(info: PackInfo, device: torch.device) -> dict[tuple[str, int], NDArray[np.uint8]]:
    """(language, number of the prompt) -> picture, uint8 [size, size, 3]; with the pack's own steps and guidance."""
    cells = [(language, number) for language in LANGUAGES for number in range(len(SHEET[language]))]
    requests = [
        TextToImage(
            prompt=SHEET[language][number], pack=info.name, width=info.size, height=info.size, seed=SEED + number,
            steps=info.steps, guidance=info.guidance,
        )
        for language, number in cells
    ]  # fmt: skip
    return {cells[place]: picture for place, picture in draw(load_pack(info, device), requests)}


def lay_out(pictures: dict[tuple[str, int], NDArray[np.uint8]], size: int) -> Image.Image:
    """One cell a prompt: its pictures in English, Chinese and German, above the prompt in English."""
    prompts = SHEET["en"]
    width, height = len(LANGUAGES) * size + GAP, size + LABEL_HEIGHT + GAP
    rows = -(-len(prompts) // CELLS_ACROSS)
    sheet = Image.new("RGB", (CELLS_ACROSS * width + GAP, rows * height + GAP), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for number, prompt in enumerate(prompts):
        x, y = GAP + number % CELLS_ACROSS * width, GAP + number // CELLS_ACROSS * height
        for place, language in enumerate(LANGUAGES):
            sheet.paste(Image.fromarray(pictures[language, number]), (x + place * size, y))
        pen.text((x, y + size + 3), prompt, fill=INK, font=font)
    return sheet


def main() -> None:
    info = find_pack(STORYBOOK)
    path = Path(info.source) / "contact-sheet.webp"
    lay_out(draw_all(info, torch.device("cpu")), info.size).save(path, quality=70)
    print(f"written to {path}")


if __name__ == "__main__":
    main()
