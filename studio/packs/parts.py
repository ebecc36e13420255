"""What the families share when they load a model: types, schedules, previews, and how a loaded model is settled."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file
from torch import nn

from studio.errors import PackError
from studio.packs.catalogue import read_json
from studio.packs.linear_decoder import LinearDecoder, four_colours
from studio.samplers.table import NoiseSchedule

Model = TypeVar("Model", bound=nn.Module)

PREVIEW_FILE = "preview.safetensors"
ONLY_SAFE: dict[str, Any] = {"use_safetensors": True, "local_files_only": True}


def settled(model: Model, device: torch.device) -> Model:
    """``model`` on ``device``, for inference only."""
    model.eval().requires_grad_(False)
    return model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def autoencoder_dtype(dtype: torch.dtype) -> torch.dtype:
    """float32 where the denoiser is in float16, whose range Stable Diffusion's autoencoder overflows."""
    return torch.float32 if dtype == torch.float16 else dtype


def read_schedule(folder: Path) -> NoiseSchedule:
    """The noise schedule of the diffusers folder ``folder``."""
    return schedule_of(read_json(folder / "scheduler" / "scheduler_config.json"))


def schedule_of(config: dict[str, Any]) -> NoiseSchedule:
    """From a diffusers scheduler's configuration. Raises `PackError` for a schedule that has no betas of its own."""
    if config.get("rescale_betas_zero_snr") or config.get("trained_betas") or "beta_start" not in config:
        raise PackError("The pack's noise schedule is of a kind that is not served so far.")
    return NoiseSchedule(
        prediction=config.get("prediction_type", "epsilon"),
        beta_start=config["beta_start"],
        beta_end=config["beta_end"],
        beta_schedule=config["beta_schedule"],
        train_steps=config["num_train_timesteps"],
    )


def read_preview(folder: Path) -> LinearDecoder:
    """The linear decoder of ``folder``; the known table of four colours where there is none."""
    path = folder / PREVIEW_FILE
    if not path.exists():
        return four_colours()
    stored = load_file(path)
    block = int((stored["bias"].numel() // 3) ** 0.5)
    return LinearDecoder(stored["weight"].float(), stored["bias"].float(), block)
