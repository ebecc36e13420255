"""What the denoiser is trained on, how often, and what of it counts how much."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch

from storybook import (
    dataset,
    denoiser,
    few_steps,
    image_prompt,
    layout,
)
from storybook.denoiser import NOISE, random_mask, timestep_shares
from storybook.presets import PRESETS
from storybook.run import options
from storybook.unpack import unpack
from storybook.world import scene


@torch.no_grad()
def test_attention_that_the_pack_has_not_says_nothing_at_first(toy_pack: Path, tmp_path: Path) -> None:
    """The same bits: of the denoiser, and with the layers for boxes, for pictures and for few steps, which go on, too."""
    chosen = options("stage", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"])
    chosen = replace(chosen, preset=replace(chosen.preset, finest_attention=True))
    old = replace(chosen, folder=tmp_path / "old", preset=PRESETS["toy"])
    for each in (chosen, old):
        unpack(toy_pack, each)
    generator, preset = torch.Generator().manual_seed(0), chosen.preset
    inputs, words = (
        torch.randn(2, 9, 8, 8, generator=generator),
        torch.randn(2, 5, preset.text_width, generator=generator),
    )
    seen, time = torch.randn(2, 5, preset.vision_width, generator=generator), torch.tensor([500, 20])
    phrases = {"boxes": torch.rand(2, 3, 4), "positive_embeddings": torch.randn(2, 3, preset.text_width)}
    boxes = phrases | {"masks": torch.ones(2, 3)}
    assert "attentions" not in str(list(denoiser.trained(old).unet.down_blocks[0].state_dict()))
    assert "attentions" in str(list(denoiser.trained(chosen).unet.down_blocks[0].state_dict()))
    for drawn in (
        lambda options: denoiser.trained(options).unet(inputs, time, words).sample,
        lambda options: layout.trained(options)(inputs, time, words, boxes),
        lambda options: image_prompt.trained(options).eval()(inputs, time, words, seen),
        lambda options: few_steps.trained(options).eval()(inputs, time, words),
    ):
        assert torch.equal(drawn(chosen), drawn(old))


def test_things_count_more_where_one_can_see_where_they_are() -> None:
    seed = next(seed for seed in range(100) if scene(seed).things)
    alphas, counts = torch.tensor([0.0, 0.5, 0.75, 1.0]), [1.0, 1.0, 2.0, 3.0]
    weights = denoiser.weights_of(np.full(4, seed), alphas, 16)[:, 0]
    things = torch.from_numpy(dataset.things_of(seed, 16))
    assert 0 < things.float().mean() < 1
    assert (weights[:, ~things] == 1).all()
    for row, count in zip(weights, counts, strict=True):
        assert (row[things] == count).all()


def test_timesteps_are_drawn_by_the_papers_weights() -> None:
    """Hang et al. 2023 for v-prediction: min(SNR, 5) / (SNR + 1); a quarter of the draws is uniform."""
    signal = diffusers.DDPMScheduler(**NOISE).alphas_cumprod.double()
    snr = signal / (1 - signal)
    weights = torch.minimum(snr, torch.tensor(5.0)) / (snr + 1)
    shares = timestep_shares(signal)
    assert float(shares.sum()) == pytest.approx(1)
    by_weight = shares - 0.25 / len(shares)
    assert torch.allclose(by_weight / by_weight[300], weights / weights[300])


def test_most_timesteps_are_drawn_where_the_composition_is_decided() -> None:
    """Of renders noised further than this, counts come out no better than of noise alone."""
    signal = diffusers.DDPMScheduler(**NOISE).alphas_cumprod
    shares, noise = denoiser.composing_shares(signal), ((1 - signal) / signal).sqrt()
    assert float(shares.sum()) == pytest.approx(1)
    decides = (noise > 1) & (noise < 4.3)
    assert float(shares[decides].sum()) > 0.5 > float(timestep_shares(signal)[decides].sum())
    assert float(shares.min()) > 0


def test_masks_are_neither_empty_nor_everything_on_average() -> None:
    rng = np.random.default_rng(0)
    shares = [float(random_mask(64, rng).mean()) for _ in range(200)]
    assert 0.1 < np.mean(shares) < 0.6
    assert set(np.unique(random_mask(64, rng))) <= {0, 1}


def test_scenes_with_what_is_learned_last_come_more_often() -> None:
    """A run that forgets them draws fur for cats; one that sees nothing else forgets the rest."""
    seeds = denoiser.epoch(60)
    times = np.bincount(seeds, minlength=60)
    is_hard = np.array([bool(denoiser.HARD & {group.kind for group in scene(seed).groups}) for seed in range(60)])
    assert 0 < is_hard.sum() < 60
    assert set(times[is_hard]) == {denoiser.REPEATS}
    assert set(times[~is_hard]) == {1}
