"""Models that were trained to the end of the noise, and predict v (NoobAI and others): drawn as diffusers draws them, from
folders and from single files, however these say so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks import exactness
from benchmarks.checkpoints import BETAS, write, write_original
from studio.errors import PackError
from studio.models.catalogue import PackInfo
from studio.models.families.stable_diffusion import single_file
from studio.models.families.stable_diffusion.original import CONFIGURATIONS
from studio.models.loading import load_pack
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.requests.text_to_image import TextToImage
from studio.tasks import find_task

CPU = torch.device("cpu")
V, EMPTY = {"prediction_type": "v_prediction"}, torch.zeros(0)
ZERO: dict[str, Any] = {**V, "rescale_betas_zero_snr": True}


def _configure(folder: Path, kind: str = "EulerDiscreteScheduler", **options: Any) -> Path:
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps({"_class_name": kind, **BETAS, **options}))
    return folder


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same checkpoint as a folder that says so and as a file that says nothing."""
    folder = tmp_path_factory.mktemp("both")
    named = _configure(write("SDXL", folder / "folder"), **ZERO, timestep_spacing="trailing")
    return named, write_original("SDXL", folder / "model.safetensors")


def _marked(file: Path, folder: Path, marks: dict[str, torch.Tensor], told: dict[str, str] | None = None) -> Path:
    shutil.copytree(file.with_suffix(""), folder / "model")
    save_file({**load_file(file), **marks}, folder / "model.safetensors", told)
    return folder / "model.safetensors"


@pytest.fixture(scope="module")
def packs(both: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> list[Pack]:
    """The folder, the file that says the same, and one that predicts v and says no more."""
    folder = tmp_path_factory.mktemp("marked")
    full = _marked(both[1], folder / "full", {"v_pred": EMPTY, "ztsnr": EMPTY})
    half = _marked(both[1], folder / "half", {"v_pred": EMPTY})
    return [load_pack(find_pack(str(path)), CPU) for path in (both[0], full, half)]


def _drawn(pack: Pack, sampler: str, schedule: str) -> torch.Tensor:
    request = TextToImage(
        prompt=exactness.WORDS, negative=exactness.AVOIDED, guidance=exactness.GUIDANCE, pack=pack.info.name, width=64,
        height=64, steps=exactness.STEPS, seed=exactness.SEED, sampler=sampler, schedule=schedule,
    )  # fmt: skip
    (row,) = find_task(request).prepare("job", request, pack, {})
    exactness._finish([row])
    return row.latent


@pytest.mark.parametrize(
    ("sampler", "schedule", "kind", "options"),
    [
        ("Euler", "SGM Uniform", "EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
        ("DDIM", "", "DDIMScheduler", {"timestep_spacing": "trailing", "clip_sample": False, "set_alpha_to_one": False}),
        ("DPM++ 2M", "", "DPMSolverMultistepScheduler", {"timestep_spacing": "trailing"}),
    ],
)  # fmt: skip
def test_a_folder_and_a_marked_file_are_drawn_as_diffusers_draws_them(
    both: tuple[Path, Path], packs: list[Pack], sampler: str, schedule: str, kind: str, options: dict[str, Any]
) -> None:
    exactness._frozen.cache_clear()
    pipeline = exactness._xl("StableDiffusionXLPipeline", both[0], "Euler")
    pipeline.scheduler = getattr(diffusers, kind)(**BETAS, **ZERO, **options)
    with torch.no_grad():
        expected = exactness._drawn(pipeline, height=64, width=64)
    folder, file, plain = (exactness._relative(_drawn(pack, sampler, schedule), expected) for pack in packs)
    assert max(folder, file) < 1e-3
    assert plain > 1e-2


@pytest.mark.parametrize(
    ("marks", "told", "expected"),
    [
        ({"v_pred": EMPTY, "ztsnr": EMPTY}, {}, ("v_prediction", True)),
        ({"v_pred": EMPTY}, {}, ("v_prediction", False)),
        ({"ztsnr": EMPTY}, {"modelspec.prediction_type": "v"}, ("v_prediction", True)),
        ({}, {"ss_v_parameterization": "True", "ss_zero_terminal_snr": "True"}, ("v_prediction", True)),
        ({"ztsnr": EMPTY}, {}, ("epsilon", False)),
        ({}, {"ss_zero_terminal_snr": "False", "modelspec.prediction_type": "epsilon"}, ("epsilon", False)),
    ],
)
def test_what_a_file_says_of_its_training_counts(
    tmp_path: Path, marks: dict[str, torch.Tensor], told: dict[str, str], expected: tuple[str, bool]
) -> None:
    """What ends in noise alone cannot be said of a model that predicts noise; there the mark means nothing."""
    save_file({"x": torch.zeros(1), **marks}, tmp_path / "x.safetensors", told)
    schedule = single_file._schedule(tmp_path / "x.safetensors", CONFIGURATIONS / "stable-diffusion-xl")
    assert (schedule.prediction, schedule.zero_snr) == expected


@pytest.mark.parametrize("mark", ["edm_mean", "edm_vpred.sigma_max"])
def test_noise_levels_of_another_kind_are_refused_by_name(tmp_path: Path, mark: str) -> None:
    save_file({mark: torch.ones(1)}, tmp_path / "x.safetensors")
    with pytest.raises(PackError, match="trained on EDM's noise levels"):
        single_file._schedule(tmp_path / "x.safetensors", CONFIGURATIONS / "stable-diffusion-xl")


def test_a_folder_that_contradicts_itself_is_refused(both: tuple[Path, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(both[0], tmp_path / "folder")
    _configure(folder, rescale_betas_zero_snr=True)
    with pytest.raises(PackError, match="ends in noise alone"):
        load_pack(find_pack(str(folder)), CPU)


@pytest.mark.parametrize(
    ("kind", "options", "first"),
    [
        ("EulerDiscreteScheduler", {**ZERO, "timestep_spacing": "trailing"}, ("Euler", "SGM Uniform", 28, 5.0)),
        ("EulerAncestralDiscreteScheduler", {**ZERO, "timestep_spacing": "trailing"}, ("Euler a", "SGM Uniform", 28, 5.0)),
        ("DDIMScheduler", ZERO, ("Euler", "SGM Uniform", 28, 5.0)),
        ("EulerDiscreteScheduler", {**V, "timestep_spacing": "trailing"}, ("DPM++ 2M Karras", "", 20, 7.5)),
        ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}, ("Euler", "SGM Uniform", 4, 1.0)),
        ("EulerDiscreteScheduler", {"timestep_spacing": "leading"}, ("DPM++ 2M Karras", "", 20, 7.5)),
    ],
)  # fmt: skip
def test_first_values_are_those_of_turbo_for_turbo_alone(
    both: tuple[Path, Path], tmp_path: Path, kind: str, options: dict[str, Any], first: tuple[str, str, int, float]
) -> None:
    def values(info: PackInfo) -> tuple[str, str, int, float]:
        return info.sampler, info.schedule, info.steps, info.guidance

    folder = shutil.copytree(both[1].with_suffix(""), tmp_path / "folder")
    assert values(find_pack(str(_configure(folder, kind, **options)))) == first
    marked = find_pack(str(_marked(both[1], tmp_path, {"v_pred": EMPTY, "ztsnr": EMPTY})))
    assert values(marked) == ("Euler", "SGM Uniform", 28, 5.0)
