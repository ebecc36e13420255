"""Batches and pieces of what is rendered."""

from __future__ import annotations

import numpy as np
import torch

from storybook import (
    dataset,
)


def test_pieces_and_what_counts_in_them_are_cut_alike() -> None:
    """A picture whose pixels say where its things are is cut into pieces that say what their weights do."""
    pixels = np.stack(
        [np.repeat(dataset.things_of(seed, 64)[:, :, None] * np.uint8(255), 3, axis=2) for seed in range(8)]
    )
    for side in (32, 64):
        pieces = dataset.crops(pixels, side, 16, step=3)[:, :1]
        weights = dataset.weights_of_crops(pixels, side, 16, 3, inside=4.0)
        assert torch.allclose(weights.mean(), torch.tensor(1.0))
        assert torch.equal(weights > weights.min(), pieces > 0)
        assert torch.allclose(weights.max(), 4 * weights.min())


def test_every_sample_comes_once_an_epoch_wherever_a_run_resumes() -> None:
    batches = dataset.batches(12, 4, step=0)
    epoch = np.concatenate([next(batches) for _ in range(3)])
    assert sorted(epoch) == list(range(12))
    resumed = dataset.batches(12, 4, step=1)
    assert np.array_equal(next(resumed), epoch[4:8])
