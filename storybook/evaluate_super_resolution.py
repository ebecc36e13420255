"""Measures super-resolution: is it closer to the truth than bicubic, to whom, and does it stay true to its input?

    python -m storybook.evaluate_super_resolution      # the shipped pack; its figures go into its card

Pieces of large unseen renders, each around a thing, are degraded as in training and drawn large again. A single drawing
should look like the truth, which the attribute reader's features say (bicubic is blurred); the mean of several should
be near it in each pixel, which PSNR says. Whole scenes, drawn by tiles, say whether the tiles' edges can be seen.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from storybook import grids, reader
from storybook.card import write_super_resolution
from storybook.degradation import SCALE, degraded
from storybook.drawing import draw
from storybook.evaluate import FIRST_SCENE
from storybook.world import render, scene
from studio.images.consistency import averaged
from studio.images.deviation import heat, standard_deviation
from studio.images.pixels import Pixels
from studio.images.resizing import resized
from studio.models.catalogue import STORYBOOK, PackInfo
from studio.models.loading import load_pack, pick_device
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.requests.super_resolve import SuperResolve

FIRST_CASE = FIRST_SCENE + 800_000
SIDE = 128  # pixels of a piece
SAMPLES = 8  # of each piece
SMOOTH = 3.0  # levels of 0..255 between neighbours, below which a render has no edge
SHEET_CASES, SHEET_SAMPLES = 6, 3
Picture = NDArray[np.uint8]


def pieces(count: int, size: int) -> list[Picture]:
    """One piece of SIDE pixels of each of the first ``count`` unseen scenes with a thing, rendered at ``size``: around
    that thing."""
    found: list[Picture] = []
    seed = FIRST_CASE
    while len(found) < count:
        each, seed = scene(seed), seed + 1
        if each.things:
            x0, y0, x1, y1 = each.things[0].box
            left, top = (
                int(np.clip((low + high) / 2 * size - SIDE / 2, 0, size - SIDE)) for low, high in ((x0, x1), (y0, y1))
            )
            found.append(render(each, size)[top : top + SIDE, left : left + SIDE])
    return found


def request_of(small: Pixels, pack: PackInfo, seed: int, *, consistent: bool = True) -> SuperResolve:
    return SuperResolve(
        image=small.digest, pack=pack.name, width=SCALE * small.width, height=SCALE * small.height, seed=seed,
        steps=pack.steps, consistent=consistent,
    )  # fmt: skip


def enlarged(
    pack: Pack, small: Sequence[Picture], samples: int, what: str, *, consistent: bool = True
) -> list[list[Picture]]:
    """``samples`` drawings of each small picture."""
    sources = [Pixels.of(each) for each in small]
    requests = [request_of(each, pack.info, seed, consistent=consistent) for each in sources for seed in range(samples)]
    images = {each.digest: each for each in sources}
    drawn = dict(tqdm(draw(pack, requests, images), total=len(requests), desc=what, mininterval=5))
    return [[drawn[at * samples + number] for number in range(samples)] for at in range(len(small))]


def decibels(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Peak signal-to-noise ratio of levels 0..255."""
    error = float(np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 1e-12)))


def distance(model: reader.Reader, pictures: Sequence[Picture], truth: Sequence[Picture]) -> float:
    """How far the reader's features of ``pictures`` are from those of ``truth``, on average, in units of how far
    those of different truths are from each other."""
    (_, seen), (_, true) = reader.look(model, np.stack(pictures)), reader.look(model, np.stack(truth))
    return float((seen - true).norm(dim=1).mean() / (true - true.roll(1, 0)).norm(dim=1).mean())


def steepness_at(borders: Sequence[int], pictures: Sequence[Picture], renders: Sequence[Picture]) -> float:
    """The mean step of brightness across the columns and rows ``borders``, over that elsewhere; only where the renders
    of the same scenes are smooth, since things have edges of their own."""
    there, elsewhere = [], []
    for picture, true in zip(pictures, renders, strict=True):
        for turned, true_turned in ((picture, true), (picture.swapaxes(0, 1), true.swapaxes(0, 1))):
            steps = np.abs(np.diff(turned.astype(np.float64), axis=1)).mean(axis=2)
            smooth = np.abs(np.diff(true_turned.astype(np.float64), axis=1)).max(axis=2) < SMOOTH
            at_border = np.zeros(steps.shape[1], bool)
            at_border[[border - 1 for border in borders]] = True
            there.append(steps[:, at_border][smooth[:, at_border]])
            elsewhere.append(steps[:, ~at_border][smooth[:, ~at_border]])
    return float(np.concatenate(there).mean() / np.concatenate(elsewhere).mean())


def seams(pack: Pack, count: int) -> float:
    """By how much steeper tiles' borders are than elsewhere in whole scenes drawn by tiles, over the same in renders of
    these scenes: 1 where no border can be seen."""
    size = pack.info.size * SCALE
    renders = [render(scene(FIRST_CASE + 50_000 + number), size) for number in range(count)]
    small = [averaged(each, SCALE) for each in renders]
    tiling = request_of(Pixels.of(small[0]), pack.info, 0).tiling
    borders = sorted({SCALE * edge for _, x in tiling.places for edge in (x, x + tiling.width)} - {0, size})
    drawn = [each for (each,) in enlarged(pack, small, 1, "whole scenes")]
    return steepness_at(borders, drawn, renders) / steepness_at(borders, renders, renders)


def measure(pack: Pack, count: int, samples: int = SAMPLES) -> tuple[dict[str, Any], list[list[Picture]]]:
    """The figures, and rows to be looked at: input, bicubic, three drawings, where all of them differ, the truth."""
    truth = pieces(count, pack.info.size * SCALE)
    rng = np.random.default_rng(107)
    small = [degraded(each, rng) for each in truth]
    bicubic = [resized(each, SIDE, SIDE) for each in small]
    drawn = enlarged(pack, small, samples, "pieces")
    first, loose = [each[0] for each in drawn], enlarged(pack, small, 1, "loose", consistent=False)
    means = [np.mean(each, axis=0) for each in drawn]
    deviations = [standard_deviation(each) for each in drawn]
    model = reader.load()
    figures = {
        "pieces": count,
        "samples": samples,
        "steps": pack.info.steps,
        "distance": distance(model, first, truth),
        "distance_of_loose": distance(model, [each for (each,) in loose], truth),
        "distance_of_bicubic": distance(model, bicubic, truth),
        "psnr_of_mean": float(np.mean([decibels(*pair) for pair in zip(means, truth, strict=True)])),
        "psnr": float(np.mean([decibels(*pair) for pair in zip(first, truth, strict=True)])),
        "psnr_of_loose": float(np.mean([decibels(each, true) for (each,), true in zip(loose, truth, strict=True)])),
        "psnr_of_bicubic": float(np.mean([decibels(*pair) for pair in zip(bicubic, truth, strict=True)])),
        "mean_std": float(np.mean(deviations)),
        "consistency": min(
            decibels(averaged(each, SCALE), options) for each, options in zip(first, small, strict=True)
        ),
        "seams": seams(pack, max(1, count // 10)),
    }
    rows = [
        [np.kron(options, np.ones((SCALE, SCALE, 1), np.uint8)), plain, *each[:SHEET_SAMPLES], heat(levels), true]
        for options, plain, each, levels, true in zip(small, bicubic, drawn, deviations, truth, strict=True)
    ]
    return figures, rows


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m storybook.evaluate_super_resolution")
    parser.add_argument("--pack", default=STORYBOOK, help="a pack's name or folder")
    parser.add_argument("--pieces", type=int, default=200)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(arguments)
    with torch.no_grad():
        pack = load_pack(find_pack(options.pack), pick_device(options.device))
        figures, rows = measure(pack, options.pieces, options.samples)
    print(json.dumps(figures, indent=2))
    folder = Path(pack.info.source)
    write_super_resolution(folder, figures)
    grids.laid_out(rows[:SHEET_CASES]).save(folder / "super-resolution-sheet.webp", quality=70)


if __name__ == "__main__":
    main()
