"""A picture as a prompt: IP-Adapter (Ye et al. 2023), for rows of a call that need not all have one.

What CLIP sees becomes a few tokens, once for each request: the embedding of the whole picture, or (in the kinds called
Plus and Full) what it sees in each patch, which keeps more of the picture. In each cross-attention these get keys and
values of their own, and what is found there is added to what the words give, as much as each row wants. diffusers' own
loader fails on a gated U-Net, and its scale is one for the whole module; here it comes with the call, row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from diffusers.models.embeddings import (
    ImageProjection,
    IPAdapterFullImageProjection,
    IPAdapterPlusImageProjection,
)
from torch import nn
from torch.nn import functional as F

from studio.errors import PackError

PROJECTION, LAYERS = "image_proj", "ip_adapter"  # what a file of weights in the published layout holds
HEAD = 64  # the width of an attention head in all files of the kind Plus


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


def image_attentions(unet: UNet2DConditionModel) -> list[tuple[str, str]]:
    """The number that the published files give the layers for pictures of each cross-attention, and its name.

    The numbers are 1, 3, ..., the even ones being self-attentions.
    """
    crossing = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    return [(str(2 * place + 1), name.removesuffix(".processor")) for place, name in enumerate(crossing)]


def add_image_attention(unet: UNet2DConditionModel) -> nn.ModuleDict:
    """Gives each cross-attention of ``unet`` its layers for pictures and returns these, under their numbers."""
    layers = nn.ModuleDict()
    for number, name in image_attentions(unet):
        attention: Any = unet.get_submodule(name)
        layers[number] = ImageAttention(attention)
        attention.set_processor(layers[number])
    return layers


def take_image_prompt(unet: UNet2DConditionModel, weights: Mapping[str, torch.Tensor]) -> nn.Module:
    """Prepares ``unet`` for calls with `ImagePrompts` and returns what makes their tokens of what CLIP sees.

    ``weights`` are those of a file in the published layout. Raises ``RuntimeError`` where they are for another U-Net,
    and `PackError` where they are of a kind that is not known here.
    """
    projection = _projection_for(_part(weights, PROJECTION))
    layers = add_image_attention(unet)
    load_published(projection, layers, weights)
    layers.to(unet.device, unet.dtype)
    return projection.eval().requires_grad_(False).to(unet.device, unet.dtype)


def sees_patches(projection: nn.Module) -> bool:
    """Whether it makes tokens of what CLIP sees in each patch, [patches, width], and not of one embedding [width]."""
    return isinstance(projection, IPAdapterPlusImageProjection | IPAdapterFullImageProjection)


def load_published(projection: nn.Module, layers: nn.ModuleDict, weights: Mapping[str, torch.Tensor]) -> None:
    """Puts ``weights`` in the published layout where they belong; the opposite of `published`."""
    names, own = _own_names(projection), dict[str, torch.Tensor]()
    for key, value in _part(weights, PROJECTION).items():
        if key.endswith(".to_kv.weight"):
            name = _renamed(key.replace("to_kv", "to_q"), names)
            own[name.replace("to_q", "to_k")], own[name.replace("to_q", "to_v")] = value.chunk(2)
        else:
            own[_renamed(key, names)] = value
    projection.load_state_dict(own)
    layers.load_state_dict(_part(weights, LAYERS))


def published(projection: nn.Module, layers: nn.ModuleDict) -> dict[str, torch.Tensor]:
    """The weights in the published layout, float16: what `take_image_prompt` reads."""
    names, own = {own: name for name, own in _own_names(projection).items()}, projection.state_dict()
    weights = {f"{LAYERS}.{key}": value for key, value in layers.state_dict().items()}
    for key, value in own.items():
        if key.endswith(".attn.to_k.weight"):
            name = _renamed(key.replace("to_k", "to_q"), names).replace("to_q", "to_kv")
            weights[f"{PROJECTION}.{name}"] = torch.cat([value, own[key.replace("to_k", "to_v")]])
        elif not key.endswith(".attn.to_v.weight"):
            weights[f"{PROJECTION}.{_renamed(key, names)}"] = value
    return {key: value.half().contiguous() for key, value in weights.items()}


def _projection_for(weights: Mapping[str, torch.Tensor]) -> nn.Module:
    if "latents" in weights:
        hidden, seen = weights["proj_in.weight"].shape
        return IPAdapterPlusImageProjection(
            embed_dims=seen, output_dims=len(weights["proj_out.weight"]), hidden_dims=hidden,
            depth=sum(key.endswith(".to_q.weight") for key in weights), dim_head=HEAD,
            heads=len(weights["layers.0.0.to_q.weight"]) // HEAD, num_queries=weights["latents"].shape[1],
            ffn_ratio=len(weights["layers.0.1.1.weight"]) / hidden,
        )  # fmt: skip
    if "proj.3.weight" in weights:
        return IPAdapterFullImageProjection(weights["proj.0.weight"].shape[1], len(weights["proj.3.weight"]))
    if "proj.weight" in weights and "norm.weight" in weights:
        (tokens, seen), width = weights["proj.weight"].shape, len(weights["norm.weight"])
        return ImageProjection(seen, width, tokens // width)
    raise PackError("Its layers for pictures are of a kind that is not known here; IP-Adapter, Plus and Full are.")


def _own_names(projection: nn.Module) -> dict[str, str]:
    """The modules of ``projection`` by the names that they have in published files."""
    if isinstance(projection, IPAdapterFullImageProjection):
        return {"proj.0": "ff.net.0.proj", "proj.2": "ff.net.2", "proj.3": "norm"}
    if not isinstance(projection, IPAdapterPlusImageProjection):
        return {"proj": "image_embeds"}
    parts = {
        "0.norm1": "ln0", "0.norm2": "ln1", "0.to_q": "attn.to_q", "0.to_out": "attn.to_out.0",
        "1.0": "ff.0", "1.1": "ff.1.net.0.proj", "1.3": "ff.1.net.2",
    }  # fmt: skip
    return {
        f"layers.{layer}.{name}": f"layers.{layer}.{own}"
        for layer in range(len(projection.layers))
        for name, own in parts.items()
    }


def _part(weights: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(f"{name}."): value.float() for key, value in weights.items() if key.startswith(f"{name}.")}


def _renamed(key: str, names: Mapping[str, str]) -> str:
    module, _, kind = key.rpartition(".")
    return f"{names.get(module, module)}.{kind}" if module else key
