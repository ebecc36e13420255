"""The first stage: its losses, and how it begins from a narrower one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import diffusers
import pytest
import torch

from storybook import (
    autoencoder,
    denoiser,
    text_encoder,
)
from storybook.autoencoder import psnr, reconstruction_loss
from storybook.run import Run, options
from storybook.unpack import unpack


def test_a_first_stage_with_more_channels_begins_as_the_packs(toy_pack: Path, tmp_path: Path) -> None:
    """Its own channels come first and say the same; what the others say does not matter yet."""
    chosen = options("stage", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"])
    chosen = replace(chosen, preset=replace(chosen.preset, latent_channels=6))
    unpack(toy_pack, chosen)
    wide = Run("autoencoder", autoencoder.build(chosen), chosen.preset.autoencoder, chosen).model.eval()
    narrow = diffusers.AutoencoderKL.from_pretrained(toy_pack / "vae").float().eval()
    picture = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        ours, theirs = wide.encode(picture).latent_dist, narrow.encode(picture).latent_dist
        assert torch.allclose(ours.mean[:, :4], theirs.mean, atol=1e-4)
        assert torch.allclose(ours.logvar[:, :4], theirs.logvar, atol=1e-4)
        latents = torch.cat([theirs.mean, torch.zeros(2, 2, 8, 8)], dim=1)
        assert torch.allclose(wide.decode(latents).sample, narrow.decode(theirs.mean).sample, atol=1e-4)
    text_encoder.train(chosen)
    unet = Run("denoiser", denoiser.build(chosen), chosen.preset.denoiser, chosen).model.unet.eval()
    shipped = diffusers.UNet2DConditionModel.from_pretrained(toy_pack / "unet").float().eval()
    latent, mask, masked, nothing = (
        torch.randn(2, 4, 8, 8),
        torch.rand(2, 1, 8, 8),
        torch.randn(2, 4, 8, 8),
        [2, 2, 8, 8],
    )
    inputs = torch.cat([latent, torch.zeros(nothing), mask, masked, torch.zeros(nothing)], dim=1)
    words = torch.randn(2, 5, chosen.preset.text_width)
    with torch.no_grad():
        theirs = shipped(torch.cat([latent, mask, masked], dim=1), 500, words).sample
        assert torch.allclose(unet(inputs, 500, words).sample[:, :4], theirs, atol=1e-4)


def test_losses_are_zero_for_equal_pictures_and_psnr_is_the_textbooks() -> None:
    picture = torch.rand(2, 3, 8, 8) * 2 - 1
    assert reconstruction_loss(picture, picture) == 0
    assert psnr(torch.full((1, 3, 4, 4), 0.2), torch.zeros(1, 3, 4, 4)) == pytest.approx(20.0, abs=1e-4)  # 2 / 0.2 = 10
