"""What back-projection corrects averages down to the small picture again, whatever was drawn."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from studio.images.consistency import averaged, back_projected


def _psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((one.astype(float) - other) ** 2))))


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("photo", [data.astronaut, data.cat, data.coffee])
def test_a_corrected_picture_averages_down_to_the_photograph(scale: int, photo) -> None:
    small = photo()[:120, :160]
    rng = np.random.default_rng(1)
    drawn = np.clip(
        np.kron(small, np.ones((scale, scale, 1))) * 0.8 + rng.normal(10, 25, (120 * scale, 160 * scale, 3)), 0, 255
    )
    result = back_projected(drawn.astype(np.uint8), small)
    assert result.shape == drawn.shape
    assert _psnr(averaged(drawn.astype(np.uint8), scale), small) < 26
    assert _psnr(averaged(result, scale), small) > 40


def test_what_agrees_already_is_left_alone() -> None:
    large = np.full((64, 96, 3), 93, np.uint8)
    assert np.array_equal(back_projected(large, averaged(large, 4)), large)
