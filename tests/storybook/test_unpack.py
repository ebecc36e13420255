"""Training goes on from a pack where there are no checkpoints, and begins with what it knows where the world has grown."""

from __future__ import annotations

from pathlib import Path

import diffusers
import pytest
import torch

from storybook import (
    denoiser,
    layout,
    text_encoder,
    tokenizer,
)
from storybook.presets import PRESETS
from storybook.run import START, Run, options, steps_done
from storybook.unpack import unpack


def test_training_goes_on_from_a_pack_where_the_checkpoints_are_gone(toy_pack: Path, tmp_path: Path) -> None:
    chosen = options("unpack", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"])
    shipped = diffusers.UNet2DConditionModel.from_pretrained(toy_pack / "unet")
    (chosen.folder / "denoiser").mkdir(parents=True)
    of_another_world = {f"unet.{name}": torch.zeros_like(value) for name, value in shipped.state_dict().items()}
    torch.save(of_another_world, chosen.folder / "denoiser" / START)
    unpack(toy_pack, chosen)
    for name, value in denoiser.trained(chosen).unet.state_dict().items():
        assert torch.equal(value, shipped.state_dict()[name].float()), name
    assert steps_done("denoiser", chosen) == PRESETS["toy"].denoiser.steps
    further = options("denoiser", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu", "--steps", "6"])
    denoiser.train(further)
    assert steps_done("denoiser", further) == 6
    assert not torch.equal(denoiser.trained(further).unet.conv_in.weight, shipped.conv_in.weight.float())
    unpack(toy_pack, further)
    assert steps_done("denoiser", further) == 6, "a checkpoint that is there is left alone"
    small = options("unpack", ["--preset", "small", "--folder", str(tmp_path)])
    with pytest.raises(ValueError, match="made with the preset 'toy'"):
        unpack(toy_pack, small)


def test_where_the_world_has_grown_training_begins_with_what_the_pack_draws_already(
    toy_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other words need another text encoder; first stages know no words, and the U-Net need not begin from nothing."""
    monkeypatch.setattr(tokenizer, "VOCABULARY", 700)
    given = ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"]
    unpack(toy_pack, options("unpack", given))
    assert "another world" in capsys.readouterr().out
    chosen = options("stage", given)
    assert steps_done("autoencoder", chosen) == PRESETS["toy"].autoencoder.steps
    assert not (tmp_path / "toy" / "text_encoder").exists()
    text_encoder.train(chosen)
    run = Run("denoiser", denoiser.build(chosen), chosen.preset.denoiser, chosen)
    shipped = diffusers.UNet2DConditionModel.from_pretrained(toy_pack / "unet").state_dict()
    assert run.step == 0
    for name, value in run.model.unet.state_dict().items():
        assert torch.equal(value, shipped[name].float()), name
    for stage in (denoiser, layout):
        stage.train(chosen)
    assert steps_done("layout", chosen) == PRESETS["toy"].layout.steps
