"""What training writes is a pack that diffusers loads, and we do."""

from __future__ import annotations

from pathlib import Path

import diffusers
import torch

from storybook.presets import PRESETS
from studio.models.loading import load_pack
from studio.models.registry import find_pack


def test_the_pack_that_training_writes_is_one_that_diffusers_loads(toy_pack: Path) -> None:
    pipeline = diffusers.StableDiffusionInpaintPipeline.from_pretrained(
        toy_pack, use_safetensors=True, local_files_only=True
    )
    assert pipeline.unet.config.in_channels == 9
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    assert all(file.stat().st_size < 16_000_000 for file in toy_pack.rglob("*"))


def test_the_pack_that_training_writes_is_one_that_we_load(toy_pack: Path) -> None:
    pack = load_pack(find_pack(str(toy_pack)), torch.device("cpu"))
    assert pack.info.size == PRESETS["toy"].size
    assert pack.first_stage.preview.block == 8
    picture = pack.first_stage.decode(torch.zeros(1, 4, 8, 8))
    assert picture.shape == (1, 64, 64, 3)
