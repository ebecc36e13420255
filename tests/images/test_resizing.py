"""A picture of any shape is worked on at the size that the model draws best, and comes back at its own."""

from __future__ import annotations

import numpy as np
import pytest

from studio.errors import InvalidRequest
from studio.images.pixels import Mask
from studio.images.resizing import covering, mask_of_size, resized, working_size


@pytest.mark.parametrize(
    ("size", "native", "expected"),
    [
        ((128, 128), 128, (128, 128)),
        ((4000, 3000), 128, (144, 112)),
        ((3000, 4000), 512, (440, 592)),
        ((16, 16), 128, (128, 128)),
        ((8192, 64), 128, (1448, 64)),
    ],
)
def test_the_working_size_has_the_pictures_aspect_and_the_models_area(size, native, expected) -> None:
    assert working_size(*size, native) == expected


def test_resizing_keeps_flat_colours_and_averages_when_it_shrinks() -> None:
    flat = np.full((30, 50, 3), 77, np.uint8)
    assert (resized(flat, 200, 100) == 77).all()
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    assert np.abs(resized(checks.astype(np.uint8), 16, 16).astype(int) - 127).max() <= 1
    assert resized(flat, 50, 30) is flat


@pytest.mark.parametrize(("height", "width"), [(40, 100), (100, 40), (64, 64), (1, 30)])
def test_a_shape_is_covered_by_the_middle_and_nothing_is_stretched(height: int, width: int) -> None:
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([x * 255 // max(1, width - 1), y * 255 // max(1, height - 1), 0 * x], -1).astype(np.uint8)
    square = covering(picture, 32, 32)
    assert square.shape == (32, 32, 3)
    side = min(height, width)
    for channel, whole in ((0, width), (1, height)):
        low, high = int(square[..., channel].min()), int(square[..., channel].max())
        assert low + high == pytest.approx(255 if whole > 1 else 0, abs=12), "as far from one edge as from the other"
        assert high - low == pytest.approx(255 * side / whole if whole > 1 else 0, abs=255 * 2 / whole + 8)


@pytest.mark.parametrize(
    ("mask", "picture"), [((60, 40), (60, 40)), ((60, 40), (2400, 1600)), ((1536, 58), (8000, 301))]
)
def test_a_mask_of_another_size_is_brought_to_its_pictures(mask: tuple[int, int], picture: tuple[int, int]) -> None:
    left = np.zeros(mask[::-1], np.uint8)
    left[:, : mask[0] // 2] = 255
    fitted = mask_of_size(Mask.of(left), *picture)
    assert (fitted.width, fitted.height) == picture
    assert set(np.unique(fitted.array)) == {0, 255}
    assert abs((fitted.array > 0).mean() - 0.5) < 0.01


def test_a_mask_of_another_shape_is_refused() -> None:
    """Stretched, it would cover another part than the one that was painted."""
    with pytest.raises(InvalidRequest, match="a mask of the picture's shape, 60x40"):
        mask_of_size(Mask.of(np.zeros((60, 40), np.uint8)), 60, 40)
