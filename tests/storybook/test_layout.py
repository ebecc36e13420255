"""Layers for boxes are trained beside a denoiser that stays as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from storybook import (
    denoiser,
    layout,
)
from storybook.run import options
from storybook.unpack import unpack
from storybook.world import arranged
from studio.images.boxes import Boxed


def test_the_layers_for_boxes_are_trained_and_the_denoiser_is_not_touched_by_it(toy_pack: Path, tmp_path: Path) -> None:
    """A row with its gates shut must draw as it did before there were boxes."""
    chosen = options("unpack", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"])
    unpack(toy_pack, chosen)
    before, base = layout.trained(chosen), denoiser.trained(chosen).unet.state_dict()
    chosen = options("layout", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu", "--steps", "8"])
    layout.train(chosen)
    after = layout.trained(chosen)
    for name, value in after.unet.state_dict().items():
        if name in base:
            assert torch.equal(value, base[name]), name
    moved = [name for name, value in after.state_dict().items() if not torch.equal(value, before.state_dict()[name])]
    assert any("alpha_attn" in name for name in moved)
    assert any("position_net" in name for name in moved)


def test_boxes_of_arranged_scenes_are_phrased_as_people_phrase_them() -> None:
    rng = np.random.default_rng(0)
    for seed in range(200):
        things = {thing.box: thing for thing in arranged(seed).things}
        boxes, _ = layout.sample_of(seed, rng)
        assert 1 <= len(boxes) <= len(things)
        assert {each.box for each in boxes} <= set(things)


def test_what_a_box_touches_counts_more() -> None:
    weights = layout.weights_of([[Boxed("a house", (0.0, 0.3, 0.5, 0.51))], []], 8)[:, 0]
    assert (weights[0, 2:5, :4] == layout.INSIDE).all()
    assert weights[0].sum() == 64 + 12 * (layout.INSIDE - 1)
    assert (weights[1] == 1).all()
