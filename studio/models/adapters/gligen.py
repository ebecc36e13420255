"""Boxes in a call that not all of its rows share: GLIGEN's layers, run on the first rows of a batch only.

diffusers runs a gated U-Net's layers for boxes on all rows or on none, by a switch in the module, and knows "no box"
only as a token that still acts. Here a call says for how many of its rows, counted from the first, the gates are open
(the scheduled sampling of Li et al. 2023, row by row). Boxes become tokens once for each picture and not at
every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock, GatedSelfAttentionDense
from torch import nn


class Layout(NamedTuple):
    """``tokens`` [rows, boxes, width] of the first rows of a call, as `Grounding` makes them; in the first ``opened``
    of these rows the gates are open. The others are run and thrown away, for who needs calls of one size."""

    tokens: torch.Tensor
    opened: int


@dataclass(frozen=True, eq=False)
class Grounding:
    """What makes tokens of boxes: the position net of a gated U-Net."""

    net: nn.Module

    def __call__(self, corners: torch.Tensor, masks: torch.Tensor, phrases: torch.Tensor) -> torch.Tensor:
        """corners [B, boxes, 4] as fractions, masks [B, boxes] with 1 where a box is, and the text encoder's pooled
        ``phrases`` [B, boxes, width] -> [B, boxes, width] float32."""
        dtype = next(self.net.parameters()).dtype
        tokens: torch.Tensor = self.net(corners.to(dtype), masks.to(dtype), phrases.to(dtype))
        return tokens.float()


class _Given(nn.Module):
    """Stands where the position net was: the tokens are there already."""

    def forward(self, tokens: torch.Tensor, opened: int) -> Layout:
        return Layout(tokens, opened)


class _FirstRows(nn.Module):
    """A layer for boxes that leaves all rows alone but the first."""

    def __init__(self, fuser: GatedSelfAttentionDense) -> None:
        super().__init__()
        self.fuser = fuser

    def forward(self, features: torch.Tensor, layout: Layout) -> torch.Tensor:
        """features [B, pixels, width]."""
        run = layout.tokens.shape[0]
        steered = self.fuser(features[:run], layout.tokens)[: layout.opened]
        return torch.cat([steered, features[layout.opened :]])


def take_grounding(unet: UNet2DConditionModel) -> Grounding | None:
    """Prepares a gated ``unet`` for calls with a `Layout` and returns what makes its tokens; None for other U-Nets."""
    if unet.config.attention_type != "gated":
        return None
    grounding = Grounding(unet.position_net)
    unet.position_net = _Given()
    for block in unet.modules():
        if isinstance(block, BasicTransformerBlock):
            part: Any = block
            part.fuser = _FirstRows(part.fuser)
    return grounding
