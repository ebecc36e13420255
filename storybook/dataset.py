"""Renders of the training scenes, kept on disk so that a scene is drawn once.

Scene seeds below ``UNSEEN`` are for training; evaluation and contact sheets take theirs from ``UNSEEN`` on.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from storybook.presets import Preset
from storybook.world import Scene, render, scene
from storybook.world.scene import Box
from studio.models.autoencoders.autoencoder import to_pictures

Job = TypeVar("Job")
Result = TypeVar("Result")

UNSEEN = 1_000_000_000
CHUNK = 64


def _draw(job: tuple[int, int, int, Callable[[int], Scene]]) -> NDArray[np.uint8]:
    first, last, size, world = job
    return np.stack([render(world(seed), size) for seed in range(first, last)])


def on_all_cores(work: Callable[[Job], Result], jobs: Sequence[Job], what: str) -> Iterator[Result]:
    """``work`` of each job, in their order, with a bar that says ``what``. A single job is not worth new processes."""
    if len(jobs) == 1:
        yield work(jobs[0])
        return
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        yield from tqdm(pool.imap(work, jobs), total=len(jobs), desc=what, mininterval=10)


def pictures(
    preset: Preset, folder: Path, world: Callable[[int], Scene] = scene, name: str = "pictures"
) -> NDArray[np.uint8]:
    """All training pictures of ``preset``, uint8 [scenes, size, size, 3], memory-mapped; drawn at the first call.

    ``world`` makes the scene of each seed; ``name`` is that of the file, one for each world.
    """
    return _drawn(folder, name, world, preset.scenes, preset.size)


def fine_pictures(preset: Preset, folder: Path) -> NDArray[np.uint8]:
    """The first training scenes at four times the size, uint8 [fine scenes, fine size, fine size, 3], likewise."""
    return _drawn(folder, "fine", scene, preset.fine_scenes, preset.fine_size)


def _drawn(folder: Path, name: str, world: Callable[[int], Scene], scenes: int, size: int) -> NDArray[np.uint8]:
    path = folder / f"{name}-{size}-{scenes}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        drawn = np.lib.format.open_memmap(part, "w+", np.uint8, (scenes, size, size, 3))
        jobs = [(at, min(at + CHUNK, scenes), size, world) for at in range(0, scenes, CHUNK)]
        for (first, last, *_), chunk in zip(jobs, on_all_cores(_draw, jobs, "drawing scenes"), strict=True):
            drawn[first:last] = chunk
        drawn.flush()
        part.rename(path)
    return np.load(path, mmap_mode="r")


def unseen(count: int, size: int) -> NDArray[np.uint8]:
    """``count`` pictures that no training run has seen, uint8 [count, size, size, 3]."""
    return renders(UNSEEN, count, size)


@lru_cache(maxsize=8)  # training looks at the same few again and again
def renders(first: int, count: int, size: int) -> NDArray[np.uint8]:
    """The scenes of ``count`` seeds from ``first`` on, uint8 [count, size, size, 3]."""
    return _draw((first, first + count, size, scene))


def crops(pixels: NDArray[np.uint8], side: int, batch: int, step: int) -> torch.Tensor:
    """The random crops of training step ``step``: float32 [batch, 3, side, side] in -1..1; half of them mirrored."""
    out = np.empty((batch, side, side, 3), np.uint8)
    for row, (which, y, x, is_mirrored) in enumerate(_windows(pixels, side, batch, step)):
        crop = pixels[which, y : y + side, x : x + side]
        out[row] = crop[:, ::-1] if is_mirrored else crop
    return to_pictures(out)


def weights_of_crops(pixels: NDArray[np.uint8], side: int, batch: int, step: int, inside: float) -> torch.Tensor:
    """What each pixel of `crops` of the training pictures counts, float32 [batch, 1, side, side]: ``inside`` where a
    thing's box is and 1 around it, then all brought to a mean of 1."""
    weights = np.empty((batch, 1, side, side), np.float32)
    for row, (which, y, x, is_mirrored) in enumerate(_windows(pixels, side, batch, step)):
        crop = things_of(which, pixels.shape[1])[y : y + side, x : x + side]
        weights[row] = np.where(crop[:, ::-1] if is_mirrored else crop, inside, 1.0)
    return torch.from_numpy(weights / weights.mean())


def things_of(seed: int, side: int) -> NDArray[np.bool_]:
    """Where the things of a training scene are, see `touched`."""
    return touched((thing.box for thing in scene(seed).things), side)


def touched(boxes: Iterable[Box], side: int) -> NDArray[np.bool_]:
    """Which of ``side`` x ``side`` cells of a picture one of the boxes touches: [side, side]."""
    cells = np.zeros((side, side), np.bool_)
    for box in boxes:
        left, top = (math.floor(edge * side) for edge in box[:2])
        right, bottom = (math.ceil(edge * side) for edge in box[2:])
        cells[max(0, top) : bottom, max(0, left) : right] = True
    return cells


def _windows(pixels: NDArray[np.uint8], side: int, batch: int, step: int) -> Iterator[tuple[int, int, int, bool]]:
    """Which picture, the upper left corner in it, and whether it is mirrored, of each crop."""
    rng = np.random.default_rng([step, 23])
    limit = pixels.shape[1] - side
    for which in rng.integers(len(pixels), size=batch):
        y, x = rng.integers(limit + 1, size=2)
        yield int(which), int(y), int(x), bool(rng.random() < 0.5)


def batches(count: int, batch: int, step: int) -> Iterator[NDArray[np.int64]]:
    """Indices of each step's samples from ``step`` on: every sample at most once an epoch, in an order of the epoch's
    own, whose last ones may not fill a batch and are left out."""
    per_epoch = max(1, count // batch)
    while True:
        order = np.random.default_rng([step // per_epoch, 29]).permutation(count)
        for at in range(step % per_epoch, per_epoch):
            yield order[at * batch : (at + 1) * batch]
            step += 1
