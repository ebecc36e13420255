"""The spread of several pictures is their standard deviation, and nothing where they agree."""

from __future__ import annotations

import numpy as np

from studio.images.deviation import heat, standard_deviation


def test_the_spread_is_the_standard_deviation_over_the_pictures() -> None:
    pictures = np.random.default_rng(2).integers(0, 256, (5, 20, 30, 3)).astype(np.uint8)
    expected = pictures.astype(float).std(axis=0, ddof=1).mean(axis=2)
    assert np.allclose(standard_deviation(pictures), expected, atol=1e-3)


def test_equal_pictures_are_black_on_the_map_and_different_ones_are_not() -> None:
    picture = np.random.default_rng(3).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    other = picture.copy()
    other[:, 15:] = 255 - other[:, 15:]
    cold, hot = heat(standard_deviation([picture, picture])), heat(standard_deviation([picture, other]))
    assert cold.max() < 20
    assert hot[:, :15].max() < 20
    assert hot[:, 15:].mean() > 60
