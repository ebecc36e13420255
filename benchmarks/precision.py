"""How far pictures that are drawn fast (bfloat16) lie from those that are drawn exactly, and whether one sees it.

    python -m benchmarks.precision --seeds 1 2 3

The contact sheet's prompts in three languages. Distances are mean absolute differences in levels of 0..255; the
attribute reader, which says what a picture shows, is asked about both.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from storybook import reader
from storybook.drawing import draw
from storybook.prompts import SHEET
from storybook.scoring import Reading
from studio.models.catalogue import STORYBOOK
from studio.models.loading import load_pack
from studio.models.registry import find_pack
from studio.requests.limits import EXACT, FAST
from studio.requests.text_to_image import TextToImage

ASKED = ("time", "ground", "weather", "mountains")


def drawn(precision: str, seeds: Sequence[int]) -> NDArray[np.uint8]:
    """Every prompt from every seed: uint8 [N, H, W, 3]."""
    pack = load_pack(find_pack(STORYBOOK), torch.device("cpu"), precision=precision)
    info = pack.info
    requests = [
        TextToImage(prompt=prompt, pack=info.name, width=info.size, height=info.size, seed=seed, steps=info.steps,
                    guidance=info.guidance, precision=precision)
        for prompts in SHEET.values() for prompt in prompts for seed in seeds
    ]  # fmt: skip
    pictures = dict(draw(pack, requests))
    return np.stack([pictures[place] for place in range(len(requests))])


def agreement(one: Sequence[Reading], other: Sequence[Reading]) -> dict[str, float]:
    """How often both say the same, 0..1, by what is asked; of things, their kinds with colours and numbers."""
    pairs = list(zip(one, other, strict=True))
    same = {name: float(np.mean([getattr(a, name) == getattr(b, name) for a, b in pairs])) for name in ASKED}
    things = [[sorted((thing.kind, thing.colour) for thing in each.things) for each in pair] for pair in pairs]
    return {**same, "things": float(np.mean([a == b for a, b in things]))}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args(arguments)
    exact, fast = (drawn(precision, options.seeds) for precision in (EXACT, FAST))
    distances = np.abs(exact.astype(np.int16) - fast).mean(axis=(1, 2, 3))
    eye = reader.load()
    result = {
        "pictures": len(exact),
        "mean distance": float(distances.mean()),
        "95 % within": float(np.percentile(distances, 95)),
        "largest": float(distances.max()),
        "read alike": agreement(reader.look(eye, exact)[0], reader.look(eye, fast)[0]),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
