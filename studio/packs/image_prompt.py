"""A picture as a prompt: IP-Adapter (Ye et al. 2023), for rows of a call that need not all have one.

A picture's CLIP embedding becomes a few tokens, once for each request. In each cross-attention these get keys and
values of their own, and what is found there is added to what the words give, as much as each row wants. diffusers' own
loader fails on a gated U-Net, and its scale is one for the whole module; here it comes with the call, row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from diffusers.models.embeddings import ImageProjection
from torch import nn
from torch.nn import functional as F

PROJECTION, LAYERS = "image_proj", "ip_adapter"  # what a file of weights in the published layout holds
PUBLISHED_NAMES = {"image_embeds.": "proj."}  # diffusers' name of a layer and the file's


class ImagePrompts(NamedTuple):
    """``tokens`` [rows, tokens, width] of every row of a call, and how strongly each acts, [rows, 1, 1]; at 0 a row
    is as it would be without."""

    tokens: torch.Tensor
    scale: torch.Tensor


class ImageAttention(nn.Module):
    """Cross-attention to words, as in diffusers, and to the tokens of a picture."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        inputs, inner = attention.to_k.in_features, attention.to_k.out_features
        self.to_k_ip = nn.Linear(inputs, inner, bias=False)
        self.to_v_ip = nn.Linear(inputs, inner, bias=False)
        self._words = AttnProcessor2_0()

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        ip_hidden_states: ImagePrompts | None = None,  # the name that diffusers lets through without a warning
    ) -> torch.Tensor:
        """hidden_states [B, pixels, width]."""
        out: torch.Tensor = self._words(attn, hidden_states, encoder_hidden_states, attention_mask)
        if ip_hidden_states is None:
            return out
        tokens, scale = ip_hidden_states
        query, key, value = (
            each.unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for each in (attn.to_q(hidden_states), self.to_k_ip(tokens), self.to_v_ip(tokens))
        )
        found = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        joined = attn.to_out[0]
        return out + scale * (joined(found) - joined.bias)  # the words' part has brought the bias


def add_image_attention(unet: UNet2DConditionModel) -> nn.ModuleDict:
    """Gives each cross-attention of ``unet`` its layers for pictures and returns these, in the order and under the
    numbers that the published files use: 1, 3, ..., the even ones being self-attentions."""
    crossing = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    layers = nn.ModuleDict()
    for place, name in enumerate(crossing):
        attention: Any = unet.get_submodule(name.removesuffix(".processor"))
        layers[str(2 * place + 1)] = ImageAttention(attention)
        attention.set_processor(layers[str(2 * place + 1)])
    return layers


def take_image_prompt(unet: UNet2DConditionModel, weights: Mapping[str, torch.Tensor]) -> ImageProjection:
    """Prepares ``unet`` for calls with `ImagePrompts` and returns what makes their tokens of an embedding.

    ``weights`` are those of a file in the published layout. Raises ``RuntimeError`` where they are for another U-Net.
    """
    tokens, embedding = weights[f"{PROJECTION}.proj.weight"].shape
    width = unet.config.cross_attention_dim
    projection = ImageProjection(embedding, width, tokens // width)
    layers = add_image_attention(unet)
    load_published(projection, layers, weights)
    layers.to(unet.device, unet.dtype)
    return projection.eval().requires_grad_(False).to(unet.device, unet.dtype)


def load_published(projection: ImageProjection, layers: nn.ModuleDict, weights: Mapping[str, torch.Tensor]) -> None:
    """Puts ``weights`` in the published layout where they belong; the opposite of `published`."""
    projection.load_state_dict(_part(weights, PROJECTION))
    layers.load_state_dict(_part(weights, LAYERS))


def published(projection: ImageProjection, layers: nn.ModuleDict) -> dict[str, torch.Tensor]:
    """The weights in the published layout, float16: what `take_image_prompt` reads."""
    parts = {PROJECTION: projection, LAYERS: layers}
    return {
        _renamed(f"{name}.{key}", PUBLISHED_NAMES): value.half().contiguous()
        for name, part in parts.items()
        for key, value in part.state_dict().items()
    }


def _part(weights: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    own_names = {published: own for own, published in PUBLISHED_NAMES.items()}
    chosen = {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}
    return {_renamed(key, own_names): value.float() for key, value in chosen.items()}


def _renamed(key: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        key = key.replace(old, new)
    return key
