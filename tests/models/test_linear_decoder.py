"""The cheap stand-in for a decoder: exact where a decoder is linear, and shaped as promised where it is not."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from studio.models.autoencoders.previews import fit, four_colours


def test_a_decoder_that_is_linear_is_found_exactly() -> None:
    torch.manual_seed(0)
    weight, bias = torch.randn(3 * 16, 4, 3, 3) / 6, torch.randn(3 * 16)
    latents = torch.randn(40, 4, 8, 8)
    pictures = F.pixel_shuffle(F.conv2d(latents, weight, bias, padding=1), 4)
    found = fit(latents, pictures)
    assert found.block == 4
    assert torch.allclose(found.weight, weight, atol=1e-4)
    assert torch.allclose(found(latents), pictures, atol=1e-3)


def test_four_colours_are_one_pixel_a_latent() -> None:
    assert four_colours()(torch.zeros(2, 4, 5, 7)).shape == (2, 3, 5, 7)
    red = four_colours()(torch.tensor([1.0, 0, 0, 0]).reshape(1, 4, 1, 1)).flatten()
    assert torch.allclose(red, torch.tensor([0.3512, 0.2297, 0.3227]))
