"""Masks are arithmetic that a person can see: each function in the cases that can be drawn on paper."""

from __future__ import annotations

import numpy as np
import pytest

from studio.images.masks import (
    around,
    bounds,
    cells,
    extended,
    filled,
    fitted,
    grown,
    joined,
    pull_push,
    seam,
    to_aspect,
)


def _disc(side: int = 64, radius: int = 16) -> np.ndarray:
    y, x = np.ogrid[:side, :side]
    return np.where((x - side // 2) ** 2 + (y - side // 2) ** 2 <= radius**2, 255, 0).astype(np.uint8)


def test_bounds_hold_exactly_what_is_painted() -> None:
    mask = np.zeros((20, 30), np.uint8)
    assert bounds(mask) is None
    mask[3:7, 10:25] = 255
    assert bounds(mask) == (10, 3, 25, 7)


def test_growing_adds_a_margin_all_around_and_shrinking_takes_it_back() -> None:
    disc = _disc()
    larger, smaller = grown(disc, 5), grown(disc, -5)
    assert bounds(larger) == (11, 11, 54, 54)
    assert bounds(smaller) == (21, 21, 44, 44)
    again = grown(larger, -5)
    assert (again != disc).mean() < 0.01
    assert np.array_equal(grown(disc, 0), disc)
    assert not grown(disc, -40).any()
    assert grown(disc, 100).all()
    everything, nothing = np.full((8, 8), 255, np.uint8), np.zeros((8, 8), np.uint8)
    assert grown(everything, 3).all()
    assert not grown(nothing, 3).any()


def test_the_seam_lies_inside_the_mask_and_never_outside() -> None:
    disc = _disc()
    share = seam(disc, 6)
    assert (share[disc == 0] == 0).all()
    assert share[32, 32] == 1
    edge = share[32, 48]
    assert 0 < edge < 0.3
    across = share[32, 32:49]
    assert (np.diff(across) <= 0).all(), "towards the edge ever less"
    assert set(np.unique(seam(disc, 0))) == {0, 1}
    assert (seam(np.full((8, 8), 255, np.uint8), 4) == 1).all(), "the edge of the picture is no seam"


def test_joining_leaves_every_byte_outside_as_it_was() -> None:
    rng = np.random.default_rng(0)
    source, painted = (rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(2))
    disc = _disc()
    result = joined(source, painted, seam(disc, 6))
    assert np.array_equal(result[disc == 0], source[disc == 0])
    assert np.array_equal(result[32, 32], painted[32, 32])
    low, high = np.minimum(source, painted), np.maximum(source, painted)
    assert ((result >= low) & (result <= high)).all()


def test_a_latent_is_repainted_where_any_of_its_pixels_is() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[10, 17] = 255
    seen = cells(mask, 8, 8)
    assert seen.sum() == 1
    assert seen[1, 2] == 1


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((40, 40, 60, 60), (30, 30, 70, 70)),
        ((0, 0, 20, 20), (0, 0, 40, 40)),  # moved into the picture rather than cut
        ((90, 90, 100, 100), (70, 70, 100, 100)),
        ((10, 50, 90, 52), (0, 26, 100, 76)),  # a long stroke is seen with surroundings
        ((0, 0, 100, 100), (0, 0, 100, 100)),
    ],
)
def test_the_surroundings_of_a_mask_lie_in_the_picture(box, expected) -> None:
    x0, y0, x1, y1 = around(box, 10, 100, 100)
    assert 0 <= x0 <= box[0]
    assert box[2] <= x1 <= 100
    assert 0 <= y0 <= box[1]
    assert box[3] <= y1 <= 100
    assert (x0, y0, x1, y1) == expected


def test_a_larger_canvas_keeps_the_picture_and_masks_what_is_new() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    canvas, mask = extended(picture, (5, 0, 10, 8))
    assert canvas.shape == (28, 45, 3)
    assert np.array_equal(canvas[:20, 5:35], picture)
    assert not mask[:20, 5:35].any()
    assert (mask == 255).sum() == 28 * 45 - 20 * 30


@pytest.mark.parametrize(
    ("width", "height", "aspect"), [(100, 100, 1.5), (100, 100, 0.5), (300, 200, 1.5), (16, 99, 2)]
)
def test_growing_to_an_aspect_never_cuts(width: int, height: int, aspect: float) -> None:
    left, top, right, bottom = to_aspect(width, height, aspect)
    assert min(left, top, right, bottom) >= 0
    assert (width + left + right) / (height + top + bottom) == pytest.approx(aspect, abs=0.01)
    assert abs(left - right) <= 1
    assert abs(top - bottom) <= 1


def test_a_hole_is_filled_with_the_colours_around_it() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 200
    mask = np.zeros((64, 64), np.uint8)
    mask[20:44, 8:24] = 255
    mask[20:44, 44:60] = 255
    result = filled(picture, mask)
    assert np.array_equal(result[mask == 0], picture[mask == 0])
    assert result[32, 10].mean() < 40
    assert result[32, 56].mean() > 160
    assert filled(picture, np.full((64, 64), 255, np.uint8)).std() == 0


def test_what_is_known_stays_and_what_is_not_lies_smoothly_in_between() -> None:
    y, x = np.mgrid[0:40, 0:60].astype(np.float32)
    plane = np.stack([x, y, x + y], axis=-1)
    known = np.ones((40, 60), bool)
    known[10:30, 20:45] = False
    result = pull_push(np.where(known[:, :, None], plane, 1e6), known)
    assert np.array_equal(result[known], plane[known])
    assert np.abs(result - plane).max() < 12, "between its neighbours, whatever was there before"
    assert (pull_push(plane, np.zeros((40, 60), bool)) == 0).all()


def test_colours_are_matched_at_the_masks_edge_and_not_in_its_middle() -> None:
    """A picture that came back a little too bright everywhere joins without a step; the thing in it keeps its colour."""
    source = np.full((64, 64, 3), 100, np.uint8)
    painted, disc = source + np.uint8(10), _disc(radius=24)
    result = fitted(painted, source, disc, ring=1, reach=6)
    edge = (disc > 0) & (grown(disc, -1) == 0)
    assert np.abs(result[edge].astype(int) - 100).max() <= 1
    assert (result[32, 32] == 110).all()
    everywhere = np.full((64, 64), 255, np.uint8)
    assert np.array_equal(fitted(painted, source, everywhere, 1, 6), painted), "nothing to match it with"
