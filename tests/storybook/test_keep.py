"""What an unfinished run has learned outlives the machine that it ran on."""

from __future__ import annotations

from pathlib import Path

import torch

from storybook import (
    denoiser,
    reader,
)
from storybook.keep import keep
from storybook.presets import PRESETS
from storybook.run import options, steps_done
from storybook.unpack import unpack


def test_what_an_unfinished_run_has_learned_is_kept_and_gone_on_from(toy_pack: Path, tmp_path: Path) -> None:
    """Of the stages that there are: the first stage alone, then with the text encoder and the denoiser."""
    given = ["--preset", "toy", "--device", "cpu", "--folder"]
    there = options("stage", [*given, str(tmp_path / "there")])
    unpack(toy_pack, there)
    for name in ("denoiser", "text_encoder"):
        (there.folder / name).rename(there.folder / f"not yet {name}")
    reader.train(there)
    assert set(keep(there, tmp_path / "kept")) == {"autoencoder", "reader"}
    first = options("stage", [*given, str(tmp_path / "first")])
    unpack(tmp_path / "kept", first)
    assert steps_done("autoencoder", first) == PRESETS["toy"].autoencoder.steps
    for name in ("denoiser", "text_encoder"):
        (there.folder / f"not yet {name}").rename(there.folder / name)
    assert set(keep(there, tmp_path / "kept")) == {"autoencoder", "text_encoder", "denoiser", "reader"}
    here = options("stage", [*given, str(tmp_path / "here")])
    unpack(tmp_path / "kept", here)
    for one, other in zip(denoiser.trained(there).parameters(), denoiser.trained(here).parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-3)
    for name in ("denoiser", "reader"):
        assert steps_done(name, here) == PRESETS["toy"].denoiser.steps
