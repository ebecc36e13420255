"""Measures inpainting: is what was asked for there, is all else untouched, and can one see the seam?

    python -m storybook.evaluate_inpainting            # the shipped pack; its figures go into its card

In unseen renders one thing is painted over, and another is asked for in its place, together with all that is true of
the scene. The attribute reader says what is there then. The render of the scene with that other thing is the reference
for the seam: how steeply brightness changes across the mask's edge.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from tqdm import tqdm

from storybook import reader
from storybook.card import write_inpainting
from storybook.drawing import draw
from storybook.evaluate import FIRST_SCENE
from storybook.scoring import Reading
from storybook.world import LANGUAGES, Group, Scene, Thing, caption, render, scene
from storybook.world.scene import COLOURS, KINDS
from studio.images.pixels import Mask, Pixels
from studio.models.catalogue import STORYBOOK, PackInfo
from studio.models.loading import load_pack, pick_device
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.requests.inpaint import Inpaint

FIRST_CASE = FIRST_SCENE + 700_000
MARGIN = 0.05  # of the picture, painted over around the thing's box
LIKE_SHAPE = 1.7  # at most so many times as wide
SHEET_CASES, SHEET_COLUMNS = 12, 4
PAINT = (255, 61, 110)


@dataclass(frozen=True)
class Case:
    """``before`` with ``mask`` painted over; ``wanted`` is asked for there, and ``after`` the scene with it."""

    before: Pixels
    mask: Mask
    wanted: Thing
    after: Scene
    prompt: str


def cases(count: int, size: int) -> list[Case]:
    """The first ``count`` unseen scenes with a thing that another can stand in for, told in the languages in turn."""
    found: list[Case] = []
    seed = FIRST_CASE
    while len(found) < count:
        each, seed = scene(seed), seed + 1
        if _replaceable(each):
            found.append(_case(each, size, LANGUAGES[len(found) % len(LANGUAGES)]))
    return found


def _case(each: Scene, size: int, language: str) -> Case:
    rng = np.random.default_rng([each.seed, 59])
    kinds = _replaceable(each)
    place = int(rng.choice([*kinds]))
    (gone,) = each.groups[place].things
    kind = str(rng.choice(kinds[place]))
    colour = str(rng.choice([colour for colour in COLOURS if colour != gone.colour]))
    wanted = Thing(kind, colour, _fitted(gone.box, KINDS[kind].aspect))
    groups = tuple(Group((wanted,)) if at == place else group for at, group in enumerate(each.groups))
    after = replace(each, groups=groups)
    x0, y0, x1, y1 = (round(edge * size) for edge in _grown(gone.box))
    mask = np.zeros((size, size), np.uint8)
    mask[y0:y1, x0:x1] = 255
    prompt = caption(after, language, rng, complete=True)
    return Case(Pixels.of(render(each, size)), Mask.of(mask), wanted, after, prompt)


def _replaceable(each: Scene) -> dict[int, list[str]]:
    """The groups of one thing, by their places, for which other kinds can stand, and these."""
    there = {group.kind for group in each.groups}
    alone = {place: group.kind for place, group in enumerate(each.groups) if len(group.things) == 1}
    kinds = {
        place: [name for name in KINDS if name not in there and _fits(name, kind)] for place, kind in alone.items()
    }
    return {place: others for place, others in kinds.items() if others}


def _fits(kind: str, gone: str) -> bool:
    """Whether a thing of one kind can stand where one of the other stood: the same sort of place, a like shape."""
    new, old = KINDS[kind], KINDS[gone]
    return new.coloured and new.where == old.where and 1 / LIKE_SHAPE <= new.aspect / old.aspect <= LIKE_SHAPE


def _fitted(box: tuple[float, float, float, float], aspect: float) -> tuple[float, float, float, float]:
    """The largest box of ``aspect`` that stands in the middle of ``box``."""
    x0, y0, x1, y1 = box
    width = min(x1 - x0, (y1 - y0) * aspect)
    middle = (x0 + x1) / 2
    return middle - width / 2, y1 - width / aspect, middle + width / 2, y1


def _grown(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = box
    return max(0.0, x0 - MARGIN), max(0.0, y0 - MARGIN), min(1.0, x1 + MARGIN), min(1.0, y1 + MARGIN)


def request_of(case: Case, pack: PackInfo, seed: int) -> Inpaint:
    return Inpaint(
        prompt=case.prompt, pack=pack.name, image=case.before.digest, mask=case.mask.digest, width=case.before.width,
        height=case.before.height, seed=seed, steps=pack.steps, guidance=pack.guidance,
    )  # fmt: skip


def is_there(case: Case, reading: Reading) -> bool:
    """Whether the thing that was asked for is seen in its colour, its middle under the mask."""
    mask = case.mask.array
    for thing in reading.things:
        x, y = (thing.box[0] + thing.box[2]) / 2, (thing.box[1] + thing.box[3]) / 2
        row, column = (min(len(mask) - 1, max(0, int(at * len(mask)))) for at in (y, x))
        if (thing.kind, thing.colour) == (case.wanted.kind, case.wanted.colour) and mask[row, column]:
            return True
    return False


def step_across(picture: NDArray[np.uint8], mask: NDArray[np.uint8]) -> float:
    """The mean difference of neighbours on either side of the mask's edge, 0..255 over all channels."""
    pixels, inside = picture.astype(np.float64), mask > 0
    across = np.abs(np.diff(pixels, axis=1))[inside[:, 1:] != inside[:, :-1]]
    down = np.abs(np.diff(pixels, axis=0))[inside[1:] != inside[:-1]]
    return float(np.concatenate([across, down]).mean())


def measure(pack: Pack, count: int) -> tuple[dict[str, Any], list[tuple[Case, NDArray[np.uint8]]]]:
    """The figures, and each case with its picture."""
    size = pack.info.size
    asked = cases(count, size)
    requests = [request_of(case, pack.info, seed) for seed, case in enumerate(asked)]
    images = {image.digest: image for case in asked for image in (case.before, case.mask)}
    drawn = dict(tqdm(draw(pack, requests, images), total=count, desc="inpainting", mininterval=5))
    pairs = [(case, drawn[place]) for place, case in enumerate(asked)]
    readings, _ = reader.look(reader.load(), np.stack([picture for _, picture in pairs]))
    outside = [_is_untouched(case, picture) for case, picture in pairs]
    steps = [step_across(picture, case.mask.array) for case, picture in pairs]
    wanted = [step_across(render(case.after, size), case.mask.array) for case, _ in pairs]
    return {
        "cases": count,
        "outside_identical": float(np.mean(outside)),
        "found": float(np.mean([is_there(case, reading) for (case, _), reading in zip(pairs, readings, strict=True)])),
        "step_across_seam": float(np.mean(steps)),
        "step_across_seam_of_renders": float(np.mean(wanted)),
    }, pairs


def _is_untouched(case: Case, picture: NDArray[np.uint8]) -> bool:
    kept = case.mask.array == 0
    return np.array_equal(picture[kept], case.before.array[kept])


def sheet(pairs: list[tuple[Case, NDArray[np.uint8]]]) -> PIL.Image.Image:
    """Cases to be looked at: before, before with what was painted over, after."""
    cells = []
    for case, picture in pairs[:SHEET_CASES]:
        painted, mask = case.before.array.copy(), case.mask.array > 0
        painted[mask] = (0.4 * painted[mask] + 0.6 * np.array(PAINT)).astype(np.uint8)
        three = np.concatenate([case.before.array, painted, picture], axis=1)
        cells.append(np.pad(three, ((4, 4), (6, 6), (0, 0)), constant_values=255))
    rows = [np.concatenate(cells[at : at + SHEET_COLUMNS], axis=1) for at in range(0, len(cells), SHEET_COLUMNS)]
    return PIL.Image.fromarray(np.concatenate(rows, axis=0))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m storybook.evaluate_inpainting")
    parser.add_argument("--pack", default=STORYBOOK, help="a pack's name or folder")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    pack = load_pack(find_pack(options.pack), pick_device(options.device))
    figures, pairs = measure(pack, options.cases)
    print(json.dumps(figures, indent=2))
    folder = Path(pack.info.source)
    write_inpainting(folder, figures)
    sheet(pairs).save(folder / "inpainting-sheet.webp", quality=70)


if __name__ == "__main__":
    main()
