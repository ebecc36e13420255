"""First stages of any number of latent channels are served, as `make pack` may make them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from storybook.presets import PRESETS
from studio.engine.engine import Engine
from studio.events import Drawn
from studio.models.autoencoders.previews import preview_of
from studio.models.catalogue import PackInfo
from studio.models.families.stable_diffusion.assembly import Checkpoint, assembled
from studio.models.model import Pack
from studio.sampling.process import BetaSchedule
from tests.miniature import EVERYTHING, NAME, SIDE, ask, make_pack


def _pack(channels: int, *, sees_masks: bool) -> Pack:
    preset, other = PRESETS["toy"], make_pack()
    torch.manual_seed(0)
    inputs = 2 * channels + 1 if sees_masks else channels
    unet = UNet2DConditionModel(**{**preset.denoiser_config(), "in_channels": inputs, "out_channels": channels})
    autoencoder = AutoencoderKL(**{**preset.autoencoder_config(), "latent_channels": channels})
    parts = Checkpoint(unet, autoencoder, other.text, BetaSchedule("v_prediction"), preview_of(autoencoder), "x")
    return assembled(PackInfo(NAME, "Wide", "", size=SIDE, capabilities=EVERYTHING), parts, torch.device("cpu"))


@pytest.mark.parametrize("sees_masks", [True, False])
@pytest.mark.parametrize("channels", [4, 8, 16])
def test_any_number_of_channels_is_drawn_with(channels: int, sees_masks: bool) -> None:
    pack = _pack(channels, sees_masks=sees_masks)
    assert pack.denoiser.sees_masks == sees_masks
    engine, pictures = Engine({NAME: pack}), []
    engine.submit("a", ask(steps=2))
    while engine.has_work:
        pictures += [event.pixels for event in engine.step() if isinstance(event, Drawn)]
    [picture] = pictures
    assert picture is not None
    assert picture.array.shape == (SIDE, SIDE, 3)
    assert np.isfinite(picture.array).all()
