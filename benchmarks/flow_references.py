"""What diffusers' own pipelines draw with models that were trained by flow matching, for `benchmarks.exactness`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
from transformers import AutoTokenizer, CLIPTextModel, CLIPTextModelWithProjection, T5EncoderModel

from studio.models.weights.networks import read_flow
from studio.sampling.catalogue import find_sampler

STOCK = "Euler"  # the sampler that the pipelines themselves were published with


def stable_diffusion_3(kind: str, folder: Path, sampler: str, steps: int, tokens: int) -> Any:
    return getattr(diffusers, kind)(
        transformer=diffusers.SD3Transformer2DModel.from_pretrained(folder / "transformer"),
        **_shared(folder, sampler, steps, tokens, trained=True),
        **_encoders(folder, CLIPTextModelWithProjection, CLIPTextModelWithProjection, T5EncoderModel),
    )


def flux(kind: str, folder: Path, sampler: str, steps: int, tokens: int) -> Any:
    return getattr(diffusers, kind)(
        transformer=diffusers.FluxTransformer2DModel.from_pretrained(folder / "transformer"),
        **_shared(folder, sampler, steps, tokens, trained=False),
        **_encoders(folder, CLIPTextModel, T5EncoderModel),
    )


def _shared(folder: Path, sampler: str, steps: int, tokens: int, *, trained: bool) -> dict[str, Any]:
    vae = diffusers.AutoencoderKL.from_pretrained(folder / "vae")
    if sampler == STOCK:
        stock = diffusers.FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler")
        return {"vae": vae, "scheduler": stock}
    process = read_flow(folder, trained=trained)
    return {"vae": vae, "scheduler": _kept(process.make_scheduler(find_sampler(sampler), steps, tokens=tokens)[0])}


def _kept(scheduler: Any) -> Any:
    """``scheduler`` with the times that it has: pipelines set their own, of which most schedulers know nothing."""

    def set_timesteps(num_inference_steps: int = 0, device: Any = None, sigmas: Any = None, mu: Any = None) -> None:
        scheduler.num_inference_steps = num_inference_steps or len(sigmas)

    def scale_noise(sample: torch.Tensor, timestep: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        sigma = timestep.flatten()[0] / 1000
        return (1 - sigma) * sample + sigma * noise

    scheduler.set_timesteps, scheduler.scale_noise = set_timesteps, scale_noise
    return scheduler


def _encoders(folder: Path, *kinds: Callable[..., Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, kind in enumerate(kinds, 1):
        ending = "" if number == 1 else f"_{number}"
        found[f"text_encoder{ending}"] = kind.from_pretrained(folder / f"text_encoder{ending}")  # type: ignore[attr-defined]
        found[f"tokenizer{ending}"] = AutoTokenizer.from_pretrained(folder / f"tokenizer{ending}")
    return found
