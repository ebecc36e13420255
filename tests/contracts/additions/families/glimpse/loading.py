"""Loads what knows one picture: a flow whose x0 is grey, and an autoencoder that averages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers.configuration_utils import FrozenDict
from torch import nn
from torch.nn import functional as F

from studio.models.architecture import Architecture
from studio.models.autoencoders.autoencoder import Autoencoder
from studio.models.autoencoders.previews import LinearDecoder
from studio.models.catalogue import PackInfo
from studio.models.conditioning import ConditioningBatch
from studio.models.model import Denoiser, Pack
from studio.models.text.encoders import TextEncoders
from studio.sampling.process import FlowSchedule
from studio.sampling.trace import Tables

GREY = 0.25


class Averaging(nn.Module):
    """Eight pixels a side are one latent of three channels."""

    config = FrozenDict({"scaling_factor": 1.0, "latent_channels": 3})
    dtype, device = torch.float32, torch.device("cpu")

    def decode(self, latents: torch.Tensor) -> Any:
        return type("Decoded", (), {"sample": F.interpolate(latents, scale_factor=8)})


def predict(
    model: Any, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch
) -> torch.Tensor:
    return (latents - GREY) / (timesteps / 1000)[:, None, None, None]


def load(
    info: PackInfo, source: Path, device: torch.device, dtype: torch.dtype, report: Callable[[float], None]
) -> Pack:
    network = nn.Linear(1, 1)
    network.device = device  # type: ignore[assignment]
    preview = LinearDecoder(torch.eye(3)[:, :, None, None], torch.zeros(3), block=1)
    stage = Autoencoder(Averaging(), preview, 8)  # type: ignore[arg-type]
    denoiser = Denoiser(
        network, Architecture(predict, network="glimpse"), Tables(FlowSchedule()), stage, 3, 64, traces=False
    )
    return Pack(info, denoiser, TextEncoders(()), "0123456789")
