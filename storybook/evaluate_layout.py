"""Measures layout to image: are the things where their boxes are?

    python -m storybook.evaluate_layout                # the shipped pack; its figures go into its card

Unseen scenes with things are told in full, in the three languages in turn, and drawn from the same seeds with their
boxes and without. The attribute reader says what is where; on renders of the same scenes it shows its own ceiling.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from tqdm import tqdm

from storybook import reader
from storybook.card import write_layout
from storybook.drawing import draw
from storybook.evaluate import FIRST_SCENE
from storybook.scoring import Reading
from storybook.world import LANGUAGES, Scene, arranged, caption, phrase, render, scene
from storybook.world.scene import KINDS
from studio.images.boxes import Boxed, overlap
from studio.models.catalogue import STORYBOOK, PackInfo
from studio.models.loading import load_pack, pick_device
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.requests.layout_to_image import LayoutToImage
from studio.requests.text_to_image import TextToImage

FIRST_LAYOUT = FIRST_SCENE + 800_000
FIRST_ARRANGED = FIRST_SCENE + 900_000
SHEET_LAYOUTS, SHEET_COLUMNS = 12, 4
SHOWN_SIDE = 192  # of a picture on the sheet, in pixels
FRAMES = ((230, 57, 70), (29, 120, 200), (255, 183, 3), (111, 66, 193), (20, 150, 110), (240, 110, 30))


@dataclass(frozen=True)
class Layout:
    """``boxes`` of the things of ``scene``, and ``prompt``, which tells all of it."""

    scene: Scene
    boxes: tuple[Boxed, ...]
    prompt: str


def layout_of(each: Scene, language: str) -> Layout:
    rng = np.random.default_rng([each.seed, 73])
    boxes = tuple(Boxed(phrase(thing, language, rng), thing.box) for thing in each.things)
    return Layout(each, boxes, caption(each, language, rng, complete=True))


def layouts(count: int) -> list[Layout]:
    """The first ``count`` unseen scenes with things."""
    found: list[Layout] = []
    seed = FIRST_LAYOUT
    while len(found) < count:
        each, seed = scene(seed), seed + 1
        if each.things:
            found.append(layout_of(each, LANGUAGES[len(found) % len(LANGUAGES)]))
    return found


def request_of(layout: Layout, pack: PackInfo, seed: int) -> LayoutToImage:
    return LayoutToImage(
        prompt=layout.prompt, boxes=layout.boxes, pack=pack.name, width=pack.size, height=pack.size, seed=seed,
        steps=pack.steps, guidance=pack.guidance,
    )  # fmt: skip


def without_boxes(request: LayoutToImage) -> TextToImage:
    return TextToImage(
        prompt=request.prompt, pack=request.pack, width=request.width, height=request.height, seed=request.seed,
        steps=request.steps, guidance=request.guidance,
    )  # fmt: skip


def score(asked: Sequence[Layout], readings: Sequence[Reading]) -> dict[str, float]:
    """``found``: the share of boxes in which a thing of the right kind and colour is seen, its middle in the box;
    ``overlap``: the mean intersection over union of boxes with the nearest thing of their kind, where there is one."""
    found, overlaps = [], []
    for layout, reading in zip(asked, readings, strict=True):
        for thing in layout.scene.things:
            alike = reading.of(thing.kind)
            if not alike:
                found.append(False)
                continue
            nearest = max(alike, key=lambda other: overlap(thing.box, other.box))
            overlaps.append(overlap(thing.box, nearest.box))
            is_right = nearest.colour == thing.colour or not KINDS[thing.kind].coloured
            found.append(is_right and _holds_middle(thing.box, nearest.box))
    return {"found": float(np.mean(found)), "overlap": float(np.mean(overlaps)) if overlaps else 0.0}


def _holds_middle(box: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    x, y = (other[0] + other[2]) / 2, (other[1] + other[3]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def measure(pack: Pack, count: int) -> dict[str, Any]:
    asked = layouts(count)
    requests = [request_of(layout, pack.info, seed) for seed, layout in enumerate(asked)]
    eye = reader.load()

    def read(pictures: dict[int, NDArray[np.uint8]]) -> dict[str, float]:
        readings, _ = reader.look(eye, np.stack([pictures[place] for place in range(count)]))
        return score(asked, readings)

    with_boxes = dict(tqdm(draw(pack, requests), total=count, desc="with boxes", mininterval=5))
    plain = [without_boxes(request) for request in requests]
    return {
        "layouts": count,
        "boxes": sum(len(layout.boxes) for layout in asked),
        "with_boxes": read(with_boxes),
        "without_boxes": read(dict(tqdm(draw(pack, plain), total=count, desc="without boxes", mininterval=5))),
        "renders": read({place: render(layout.scene, pack.info.size) for place, layout in enumerate(asked)}),
    }


def sheet(pack: Pack) -> PIL.Image.Image:
    """Twelve layouts to be looked at, as a person might draw them: the boxes, and beside them what became of them."""
    asked = [layout_of(arranged(FIRST_ARRANGED + number), "en") for number in range(SHEET_LAYOUTS)]
    requests = [request_of(layout, pack.info, seed) for seed, layout in enumerate(asked)]
    drawn = dict(draw(pack, requests))
    cells = []
    for place, layout in enumerate(asked):
        picture = cv2.resize(drawn[place], (SHOWN_SIDE, SHOWN_SIDE), interpolation=cv2.INTER_CUBIC)
        plan, framed = np.full_like(picture, 245), picture.copy()
        for number, each in enumerate(layout.boxes):
            colour = FRAMES[number % len(FRAMES)]
            x0, y0, x1, y1 = (round(edge * (SHOWN_SIDE - 1)) for edge in each.box)
            for canvas in (plan, framed):
                cv2.rectangle(canvas, (x0, y0), (x1, y1), colour, 1, cv2.LINE_AA)
            where = (x0 + 2, min(SHOWN_SIDE - 3, y0 + 10))
            cv2.putText(plan, each.phrase, where, cv2.FONT_HERSHEY_SIMPLEX, 0.32, colour, 1, cv2.LINE_AA)
        three = np.concatenate([plan, framed, picture], axis=1)
        cells.append(np.pad(three, ((4, 4), (6, 6), (0, 0)), constant_values=255))
    rows = [np.concatenate(cells[at : at + SHEET_COLUMNS], axis=1) for at in range(0, len(cells), SHEET_COLUMNS)]
    return PIL.Image.fromarray(np.concatenate(rows, axis=0))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m storybook.evaluate_layout")
    parser.add_argument("--pack", default=STORYBOOK, help="a pack's name or folder")
    parser.add_argument("--layouts", type=int, default=200)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    pack = load_pack(find_pack(options.pack), pick_device(options.device))
    figures = measure(pack, options.layouts)
    print(json.dumps(figures, indent=2))
    folder = Path(pack.info.source)
    write_layout(folder, figures)
    sheet(pack).save(folder / "layout-sheet.webp", quality=70)


if __name__ == "__main__":
    main()
