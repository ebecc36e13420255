"""Small U-Nets on the CPU, called without Python between their operations.

Storybook's U-Net has some three hundred modules, and diffusers looks things up in each; for a guided picture alone that
is a third of the time. A trace (`torch.jit.trace`) holds the operations themselves: the same on the same weights, so
what it gives is the same to the bit. It needs no compiler, and one serves any number of inputs and all sizes that the
U-Net can halve as often as it does. Large U-Nets, and GPUs, have nothing to gain: there Python is done long before.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from studio.models.adapters.gligen import Layout
from studio.models.adapters.ip_adapter import ImagePrompts
from studio.models.conditioning import ConditioningBatch, Predict

logger = logging.getLogger(__name__)

MOST_PARAMETERS = 200_000_000
TRACING = threading.Lock()  # torch keeps the modules of a trace in one place for the whole process
PLAIN_PARTS = ("text", "pooled", "time_ids", "concat", "guidance", "level")


@dataclass(eq=False)
class Traced:
    """Does what ``predict`` does. Calls that are conditioned in the same ways share a trace, made at the second of
    them; where none can be made, ``predict`` goes on being called. The model must stay as it is, but for LoRAs' layers,
    which a trace does not see."""

    predict: Predict
    _traces: dict[Hashable, Any] = field(default_factory=dict)

    def __call__(
        self, model: Any, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch
    ) -> torch.Tensor:
        if not _halves(model, latents):
            return self.predict(model, latents, timesteps, conditioning)
        parts = as_tensors(conditioning)
        kind = tuple(parts)
        if kind not in self._traces:
            self._traces[kind] = None  # that of a call that may never come again would be made for nothing
            return self.predict(model, latents, timesteps, conditioning)
        if self._traces[kind] is None:
            self._traces[kind] = self._trace(model, latents, timesteps, parts)
        output: torch.Tensor = self._traces[kind](latents, timesteps, *parts.values())
        return output

    def _trace(
        self, model: Any, latents: torch.Tensor, timesteps: torch.Tensor, parts: Mapping[str, torch.Tensor]
    ) -> Any:
        call = _Call(self.predict, model, tuple(parts))
        try:
            with TRACING, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of sizes that are looked at, and of what torch.jit will be one day
                return torch.jit.trace(call, (latents, timesteps, *parts.values()), check_trace=False)
        except Exception:
            logger.exception("a U-Net cannot be traced, and is called as it is")
            return call


class _Call(nn.Module):
    """``predict`` as a function of tensors alone: latents, timesteps, and the conditioning's parts by their names."""

    def __init__(self, predict: Predict, model: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.predict, self.model, self.names = predict, model, names
        self.train(model.training)

    def forward(self, latents: torch.Tensor, timesteps: torch.Tensor, *parts: torch.Tensor) -> torch.Tensor:
        conditioning = from_tensors(dict(zip(self.names, parts, strict=True)))
        return self.predict(self.model, latents, timesteps, conditioning)


def is_worth_tracing(model: Any) -> bool:
    """Whether Python takes a share of a call of ``model`` that anybody would notice."""
    if not isinstance(model, nn.Module):
        return False
    parameters = list(model.parameters())
    is_small = 0 < sum(each.numel() for each in parameters) <= MOST_PARAMETERS
    return is_small and parameters[0].device.type == "cpu"


def as_tensors(conditioning: ConditioningBatch) -> dict[str, torch.Tensor]:
    """All that there is in ``conditioning``, by name; `from_tensors` is the opposite."""
    parts = {name: part for name in PLAIN_PARTS if (part := getattr(conditioning, name)) is not None}
    if conditioning.layout is not None:
        parts["boxes"], parts["opened"] = conditioning.layout.tokens, torch.tensor(conditioning.layout.opened)
    if conditioning.image is not None:
        parts["image"], parts["image_scale"] = conditioning.image
    return parts


def from_tensors(parts: Mapping[str, Any]) -> ConditioningBatch:
    layout = Layout(parts["boxes"], parts["opened"]) if "boxes" in parts else None
    image = ImagePrompts(parts["image"], parts["image_scale"]) if "image" in parts else None
    return ConditioningBatch(layout=layout, image=image, **{name: parts[name] for name in PLAIN_PARTS if name in parts})


def _halves(model: Any, latents: torch.Tensor) -> bool:
    """Whether the sides of ``latents`` can be halved as often as ``model`` does; for others diffusers chooses another
    way through the model, which a trace would not."""
    factor = 2 ** (len(model.config.block_out_channels) - 1)
    return not any(side % factor for side in latents.shape[-2:])
