"""The vision tower is one that other programs can use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import CLIPImageProcessor

from storybook import (
    image_prompt,
)
from studio.models.loading import load_pack
from studio.models.registry import find_pack


def test_the_packs_vision_tower_is_one_that_transformers_processes_for(toy_pack: Path) -> None:
    """Our own resizing and numbers are those of the processor whose settings the pack brings."""
    pack = load_pack(find_pack(str(toy_pack)), torch.device("cpu"))
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    processor = CLIPImageProcessor.from_pretrained(toy_pack / "image_encoder", resample=4)  # averaging, as we shrink
    pixels = processor(picture, return_tensors="pt").pixel_values
    assert pack.clip is not None
    expected = pack.clip.vision(pixels).image_embeds[0]
    assert torch.allclose(pack.embed_picture(picture), expected, atol=0.05)
    prompt = pack.image_prompt(picture)
    seen = image_prompt.patches_of(pack.clip.vision, pixels)[0]
    assert (prompt - seen).abs().mean() < 0.05 * seen.std(), "but for how pictures are made smaller"
    nothing = image_prompt.patches_of(pack.clip.vision, torch.zeros_like(pixels))[0]
    assert torch.allclose(pack.no_image_prompt(prompt), nothing, atol=1e-5)
