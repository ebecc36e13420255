"""Layers for pictures are trained beside a denoiser that stays as it is."""

from __future__ import annotations

from pathlib import Path

import torch

from storybook import (
    clip,
    denoiser,
    image_prompt,
)
from storybook.run import options
from storybook.unpack import unpack


def test_the_layers_for_pictures_are_trained_and_nothing_else_is_touched_by_it(toy_pack: Path, tmp_path: Path) -> None:
    """A row without a picture must draw as it did before there were any; and training goes on from the pack."""
    given = ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"]
    unpack(toy_pack, options("unpack", given))
    before, base = image_prompt.trained(options("image_prompt", given)), denoiser.trained(options("denoiser", given))
    for stage in (clip, image_prompt):
        stage.train(options("stage", [*given, "--steps", "8"]))
    after, untouched = (
        image_prompt.trained(options("image_prompt", given)),
        denoiser.trained(options("denoiser", given)),
    )
    for name, value in untouched.state_dict().items():
        assert torch.equal(value, base.state_dict()[name]), name
    moved = {name for name, value in after.state_dict().items() if not torch.equal(value, before.state_dict()[name])}
    assert moved == set(after.state_dict()), "all of it is trained, and the U-Net is no part of it"
    assert not any("unet" in name for name in moved)
