"""Files with LoRAs, as their trainers write them: which layers they speak of, and what they say of each.

Kohya's trainer and LyCORIS write ``LAYER.lora_down.weight``, ``.lora_up.weight`` and ``.alpha``; diffusers and peft
``.lora_A.weight`` and ``.lora_B.weight``, and alphas into the header or a file beside it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from studio.errors import PackError
from studio.models.weights.inspection import check_tensors

# How the names of tensors end, and what they then are (`studio.models.adapters.lora_layers`).
ENDINGS = {
    ".lora_down.weight": "down", ".lora_A.weight": "down", ".lora.down.weight": "down", "_lora.down.weight": "down",
    ".lora_linear_layer.down.weight": "down", ".lora_up.weight": "up", ".lora_B.weight": "up",
    ".lora.up.weight": "up", "_lora.up.weight": "up", ".lora_linear_layer.up.weight": "up", ".lora_mid.weight": "mid",
    ".lora_B.bias": "up_bias", ".lora_magnitude_vector": "magnitude", ".lora_magnitude_vector.weight": "magnitude",
    "_lora.alpha": "alpha", ".lora.alpha": "alpha", ".lora_linear_layer.alpha": "alpha",
} | {
    f".{name}": name
    for name in (
        "alpha", "dora_scale", "diff", "diff_b", "w_norm", "b_norm", "hada_w1_a", "hada_w1_b", "hada_w2_a",
        "hada_w2_b", "hada_t1", "hada_t2", "lokr_w1", "lokr_w2", "lokr_w1_a", "lokr_w1_b", "lokr_w2_a", "lokr_w2_b",
        "lokr_t1", "lokr_t2",
    )
}  # fmt: skip
# What tells formats apart that are not drawn with.
OTHERS = {
    "oft_blocks": "OFT", "oft_diag": "OFT", "oft_R": "OFT", "oft_r": "OFT", "boft_R": "BOFT", "a1.weight": "GLoRA",
    "on_input": "(IA)3", "ia3_l": "(IA)3", "vera_lambda": "VeRA", "fourierft": "FourierFT", "randlora": "RandLora",
    "lora_embedding": "LoRA of embeddings", "set_weight": "replaced weights", "reshape_weight": "reshaped weights",
}  # fmt: skip
# What tells a family of models by the names of its layers, and by what its cross-attention reads.
SIGNS = {
    "lora_te2": "Stable Diffusion XL", "text_encoder_2.": "Stable Diffusion XL", "clip_g.": "Stable Diffusion XL",
    "joint_blocks": "Stable Diffusion 3", "double_blocks": "FLUX", "single_blocks": "FLUX",
    "single_transformer_blocks": "FLUX",
}  # fmt: skip
WIDTHS = {768: "Stable Diffusion 1", 1024: "Stable Diffusion 2", 2048: "Stable Diffusion XL"}
BUNDLED = "bundle_emb."  # begins the names of vectors for words of one's own
HEADER = "lora_adapter_metadata"  # where diffusers puts what peft was told
PEFT = "adapter_model.safetensors", "adapter_config.json"  # peft's own files


@dataclass(frozen=True, eq=False)
class LoraFile:
    """``layers`` by their names in the file, and of each its parts; ``words`` of one's own with their vectors."""

    layers: Mapping[str, Mapping[str, torch.Tensor]]
    words: Mapping[str, list[torch.Tensor]] = field(default_factory=dict)


def read_lora(file: Path) -> LoraFile:
    """All of it as float32. Raises `PackError` for what is damaged, or of a format that is not drawn with."""
    check_tensors(file)
    layers: dict[str, dict[str, torch.Tensor]] = defaultdict(dict)
    words: dict[str, list[torch.Tensor]] = defaultdict(list)
    unknown = []
    for name, stored in load_file(file).items():
        value = stored.float()
        if not torch.isfinite(value).all():
            raise PackError("{file} is damaged: {name} is not finite.", file=file.name, name=name)
        layer, part = _parted(name)
        if name.startswith(BUNDLED):
            words[name.split(".")[1]].append(value)
        elif part:
            layers[layer][part] = value
        else:
            unknown.append(name)
    if unknown or not layers:
        raise _refusal(file, unknown, layers)
    for layer, alpha in _alphas(file, layers).items():
        layers[layer].setdefault("alpha", torch.tensor(alpha))
    return LoraFile(layers, words)


def family_of(held: LoraFile) -> str:
    """The family of models that a file was made for, as far as it can be told by names and widths; else nothing."""
    for name, parts in held.layers.items():
        for sign, family in SIGNS.items():
            if sign in name:
                return family
        if (
            name.endswith(("attn2_to_k", "attn2.to_k"))
            and (down := parts.get("down", parts.get("hada_w1_b"))) is not None
        ):
            return WIDTHS.get(down.shape[1], "")
    return ""


def _parted(name: str) -> tuple[str, str]:
    """The layer that a tensor belongs to, and what it is of it; nothing for what is unknown."""
    plain = name.replace(".default.", ".").removesuffix(".default")  # what peft calls the only adapter of a model
    ending = max((each for each in ENDINGS if plain.endswith(each)), key=len, default="")
    return (plain.removesuffix(ending), ENDINGS[ending]) if ending else (plain, "")


def _refusal(file: Path, unknown: list[str], layers: Mapping[str, Any]) -> PackError:
    for name in unknown:
        for sign, kind in OTHERS.items():
            if sign in name:
                return PackError(
                    "{file} is of the kind {kind}, which cannot be drawn with here; "
                    "LoRA, LoCon, DoRA, LoHa, LoKr and full differences can.",
                    file=file.name,
                    kind=kind,
                )
    if layers:
        return PackError(
            "{file} holds {name}, which is no part of a LoRA that is known here.", file=file.name, name=unknown[0]
        )
    return PackError("{file} holds no LoRA.", file=file.name)


def _alphas(file: Path, layers: Mapping[str, Mapping[str, torch.Tensor]]) -> dict[str, float]:
    """What peft was told of those ``layers`` that are plain LoRAs; some may have an alpha of their own, by the end of
    their names. Raises `PackError`."""
    found = {}
    try:
        configs = _peft_configs(file)
        for layer, parts in layers.items():
            config = next((each for prefix, each in configs.items() if layer.startswith(prefix)), {})
            for pattern, special in (config.get("alpha_pattern") or {}).items():
                if f".{layer}".endswith("." + pattern.removeprefix("^")):
                    config = {**config, "lora_alpha": special}
            if "lora_alpha" in config and "down" in parts:
                root = len(parts["down"]) ** 0.5 if config.get("use_rslora") else 1  # then alpha / sqrt(rank) counts
                found[layer] = float(config["lora_alpha"]) * root
    except (ValueError, TypeError, AttributeError, RecursionError, OSError):
        raise PackError("{file} is damaged: what it says of its alphas cannot be read.", file=file.name) from None
    return found


def _peft_configs(file: Path) -> dict[str, dict[str, Any]]:
    """peft's configurations, by what begins the names of the layers that they are for."""
    with safe_open(file, framework="numpy") as tensors:
        text = (tensors.metadata() or {}).get(HEADER)
    beside = file.with_name(PEFT[1])
    if text is None and file.name == PEFT[0] and beside.is_file():
        text = beside.read_text(encoding="utf-8")
    configs: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, value in json.loads(text or "{}").items():
        model, _, rest = name.rpartition(".")
        configs[f"{model}." if model else ""][rest] = value
    return configs
