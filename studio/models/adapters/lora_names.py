"""Which layer a file with LoRAs speaks of: trainers name the same layers in many ways.

Names are compared with underscores for dots, as kohya's trainer writes them (``lora_unet_down_blocks_0_...``); those of
diffusers and peft (``unet.down_blocks.0...``) then become the same, and so do those of ComfyUI and of single files
(``diffusion_model.input_blocks.1.1...``), whose blocks are counted in another way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from studio.models.adapters.lora_layers import LAYERS, Layer

_MODELS = re.compile(  # what begins the names in a model, in the order of `LayerNames`
    r"(?:base_model\.model\.)?(?:"
    r"(?P<unet>lora_unet[._]|lycoris_(?:unet_)?|unet\.|(?:model\.)?diffusion_model\.)|"
    r"(?P<first>lora_te1?[._]|text_encoder\.|(?:text_encoders\.)?clip_l\.(?:transformer\.)?)|"
    r"(?P<second>lora_te2[._]|text_encoder_2\.|(?:text_encoders\.)?clip_g\.(?:transformer\.)?)|"
    r"(?P<bare>))"
)
# Layers of diffusers and of the original code: in the whole U-Net, and in each of its residual blocks.
_ORIGINAL = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip
_RESIDUAL = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip


class LayerNames:
    """Finds the layers of a ``unet`` and its ``text_encoders`` by the names that files give them."""

    def __init__(self, unet: nn.Module, text_encoders: Sequence[nn.Module]) -> None:
        self._models = [_layers_of(unet, _originally(unet)), *(_layers_of(each, {}) for each in text_encoders)]

    def find(self, name: str) -> tuple[int, Layer] | None:
        """The model that has the layer called ``name``, 0 for the U-Net and from 1 on for the text encoders, and the
        layer; None where there is none."""
        match = _MODELS.match(name)
        assert match is not None, "a bare name matches, too"
        rest = _flat(name[match.end() :])
        which = {"unet": [0], "first": [1], "second": [2], "bare": [0, 1]}[match.lastgroup or "bare"]
        for model in which:
            if model < len(self._models) and rest in self._models[model]:
                return model, self._models[model][rest]
        return None


def _layers_of(model: nn.Module, originally: dict[str, str]) -> dict[str, Layer]:
    found: dict[str, Layer] = {}
    for name, layer in model.named_modules():
        if isinstance(layer, LAYERS) and layer.weight is not None:
            for known_as in filter(None, (name, originally.get(name))):
                found[_flat(known_as)] = layer
    return found


def _flat(name: str) -> str:
    """``name`` without what some writers put into it and others leave out."""
    flat = name.replace(".", "_").replace("base_model_model_", "").replace("processor_", "")
    flat = flat.removeprefix("text_model_")
    flat = re.sub(r"self_attn_to_([qkv]|out)$", r"self_attn_\1_proj", flat)  # diffusers' first files
    return re.sub(r"to_out_0$", "to_out", flat)


def _originally(unet: Any) -> dict[str, str]:
    """What each layer of a U-Net of diffusers is called in the original code, as far as it is there."""
    blocks, residual = dict(_blocks(unet)), {}
    for name, _ in unet.named_modules():
        block = next((each for each in blocks if name.startswith(f"{each}.")), None)
        if block is not None:
            inside = name.removeprefix(f"{block}.")
            inside = _RESIDUAL.get(inside, inside) if ".resnets." in block else inside
            residual[name] = f"{blocks[block]}.{inside}"
    return {**blocks, **residual}


def _blocks(unet: Any) -> Iterator[tuple[str, str]]:
    """The parts of a U-Net: diffusers' names and those of the original code, which counts through all levels."""
    yield from _ORIGINAL.items()
    at = 0
    for level, block in enumerate(unet.down_blocks):
        for depth in range(len(block.resnets)):
            at += 1
            yield f"down_blocks.{level}.resnets.{depth}", f"input_blocks.{at}.0"
            yield f"down_blocks.{level}.attentions.{depth}", f"input_blocks.{at}.1"
        if getattr(block, "downsamplers", None):
            at += 1
            yield f"down_blocks.{level}.downsamplers.0.conv", f"input_blocks.{at}.0.op"
    for depth, part in enumerate(("resnets.0", "attentions.0", "resnets.1")):
        yield f"mid_block.{part}", f"middle_block.{depth}"
    at = 0
    for level, block in enumerate(unet.up_blocks):
        has_attention = bool(getattr(block, "attentions", None))
        for depth in range(len(block.resnets)):
            yield f"up_blocks.{level}.resnets.{depth}", f"output_blocks.{at}.0"
            yield f"up_blocks.{level}.attentions.{depth}", f"output_blocks.{at}.1"
            at += 1
        if getattr(block, "upsamplers", None):
            yield f"up_blocks.{level}.upsamplers.0.conv", f"output_blocks.{at - 1}.{1 + has_attention}.conv"
