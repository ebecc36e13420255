"""A canvas is covered by its tiles, and nothing of it is left out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from studio.images.tiles import tiled, whole


@pytest.mark.parametrize(
    ("rows", "columns", "side", "overlap"),
    [(64, 64, 64, 16), (65, 64, 64, 16), (128, 128, 64, 16), (10, 300, 64, 16), (113, 257, 48, 12), (1, 1, 64, 16)],
)
def test_tiles_cover_the_canvas_and_neighbours_share_the_overlap(
    rows: int, columns: int, side: int, overlap: int
) -> None:
    tiling = tiled(rows, columns, side, overlap)
    covered = np.zeros((rows, columns), int)
    for y, x in tiling.places:
        assert 0 <= y <= rows - tiling.height
        assert 0 <= x <= columns - tiling.width
        covered[y : y + tiling.height, x : x + tiling.width] += 1
    assert covered.min() >= 1
    for starts, length in (
        ({y for y, _ in tiling.places}, tiling.height),
        ({x for _, x in tiling.places}, tiling.width),
    ):
        ordered = sorted(starts)
        assert all(after - before <= length - overlap for before, after in pairwise(ordered))


def test_every_cell_of_a_tile_counts_and_its_middle_most() -> None:
    window = tiled(128, 128, 64, 16).window
    assert window.min() > 0
    assert window.max() == window[32, 32] == 1


def test_one_tile_is_the_whole_canvas() -> None:
    assert whole(5, 9).places == ((0, 0),)
    assert tiled(5, 9, 64, 16).places == ((0, 0),)


def test_tiles_of_latents_are_tiles_of_pixels() -> None:
    tiling = tiled(100, 60, 48, 8)
    pixels = tiling.scaled(4)
    assert (pixels.rows, pixels.columns, pixels.height, pixels.width) == (400, 240, 192, 192)
    assert pixels.places == tuple((4 * y, 4 * x) for y, x in tiling.places)
