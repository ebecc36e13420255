"""Loads a pack from the Hub, a diffusers folder or a single file. Safetensors only; a pack's code is never run."""

from __future__ import annotations

import logging
from collections import ChainMap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from studio.errors import PackError
from studio.models.acceleration.precision import make_fast, pick_dtype
from studio.models.adapters.lora import Loras
from studio.models.catalogue import EMBEDDINGS, FEW_STEPS, LORAS, PackInfo
from studio.models.model import Pack
from studio.models.registry import find_pack, loader
from studio.models.text.embeddings import read_embeddings, teach
from studio.models.text.encoders import TextEncoders
from studio.models.weights.files import weights_in
from studio.models.weights.hashing import DENOISERS, revision_of
from studio.models.weights.networks import HALF, override_of
from studio.requests.limits import EXACT, FAST

logger = logging.getLogger(__name__)


TEXT_ENCODERS = "text encoder", "second text encoder", "third text encoder"
WEIGHTS = "diffusion_pytorch_model"
MODELS = {
    "unet": WEIGHTS, "transformer": WEIGHTS, "vae": WEIGHTS, "vqvae": WEIGHTS, "text_encoder": "model",
    "text_encoder_2": "model", "text_encoder_3": "model", "image_encoder": "model",
}  # fmt: skip


def pick_device(setting: str) -> torch.device:
    """ "auto" is the first CUDA device, else the CPU. Raises `PackError` for CUDA where there is none."""
    if setting == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if setting.startswith("cuda") and not torch.cuda.is_available():
        raise PackError(
            "STUDIO_DEVICE is {device}, but this machine has no CUDA device. Set it to cpu or auto.", device=setting
        )
    return torch.device(setting)


def load_pack(
    info: PackInfo,
    device: torch.device,
    report: Callable[[float], None] = lambda share: None,
    models: Path | None = None,
    precision: str | None = None,
    compiles: bool = False,
) -> Pack:
    """Loads every model of the pack; ``report`` hears which share of it is done, 0..1. The LoRAs and words of one's own
    in the folder ``models`` can be used with it. ``precision`` None is EXACT on the CPU and FAST on CUDA devices;
    ``compiles``: whether what is drawn in FAST is drawn by compiled denoisers. Raises `PackError`, which says what is
    missing."""
    source = Path(info.source)
    precision = precision or (FAST if device.type == "cuda" else EXACT)
    dtype = pick_dtype(device, precision)
    try:
        folder = source if source.exists() else _download(info)
        described = info if source.exists() else _described(info, folder)
        pack = loader(described.family).load(described, folder, device, dtype, report)
    except PackError:
        raise
    except Exception as error:
        logger.error("the pack %s cannot be loaded", info.title, exc_info=error)
        raise PackError(
            "The pack {pack} cannot be loaded ({kind}); the log says more.", pack=info.title, kind=type(error).__name__
        ) from error
    _check_finite(pack)
    override = override_of(source)
    pack = replace(pack, revision=revision_of(folder, [override] if override else []), precision=precision)
    if precision == FAST and device.type != "cuda":
        make_fast(pack)
    if precision == FAST and compiles:
        pack = _compiled(pack)
    return _extended(pack, models, folder / FEW_STEPS)


def _described(info: PackInfo, folder: Path) -> PackInfo:
    """A downloaded pack: what its folder says, under the name that it was asked for by."""
    found = find_pack(str(folder))
    return replace(found, name=info.name, title=info.title, source=info.source, revision=info.revision)


def _compiled(pack: Pack) -> Pack:
    denoiser = replace(pack.denoiser, compiles=True)
    if pack.upscaler is None or pack.upscaler is pack.denoiser:
        return replace(pack, denoiser=denoiser, upscaler=pack.upscaler and denoiser)
    return replace(pack, denoiser=denoiser, upscaler=replace(pack.upscaler, compiles=True))


def _extended(pack: Pack, models: Path | None, few_steps: Path | None) -> Pack:
    """With LoRAs and words of one's own, where its text is read by CLIP's kind of encoders."""
    if not isinstance(pack.text, TextEncoders) or not pack.text.towers:
        return pack
    towers = pack.text.towers
    brought: list[dict[str, str]] = [{} for _ in towers]  # words, by the LoRAs that are on
    if models is not None:
        words = read_embeddings(models / EMBEDDINGS)
        towers = tuple(replace(each, words=teach(each.model, each.tokenizer, words)) for each in towers)
    pairs = zip(towers, brought, strict=True)
    towers = tuple(replace(tower, words=ChainMap(own, dict(tower.words))) for tower, own in pairs)
    few_steps = few_steps if pack.info.few_steps else None
    loras = Loras(models and models / LORAS, pack.denoiser.network, towers, few_steps, brought)
    denoiser = replace(pack.denoiser, loras=loras)
    upscaler = denoiser if pack.upscaler is pack.denoiser else pack.upscaler
    return replace(pack, text=replace(pack.text, towers=towers), denoiser=denoiser, upscaler=upscaler)


def bytes_needed(info: PackInfo) -> float:
    """About how much memory a pack takes while it is loaded: its files, which are mapped, and the models made of them,
    in float32 where the files may be float16; what the catalogue says of one that has not been downloaded."""
    source = Path(info.source)
    files = [source] if source.is_file() else weights_in(source, below=True)
    return 2.0 * sum(file.stat().st_size for file in files) or info.gigabytes * 2**30


def bytes_of(pack: Pack) -> float:
    """What the models of a pack take in memory."""
    parts = (part for model in models_of(pack).values() for part in (*model.parameters(), *model.buffers()))
    return float(sum(part.numel() * part.element_size() for part in parts))


def _download(info: PackInfo) -> Path:
    from huggingface_hub import snapshot_download

    try:
        for variant in (f".{HALF}", ""):  # half of the bytes, where there is such a thing
            files = _hub_files(variant)
            folder = Path(snapshot_download(info.source, revision=info.revision, allow_patterns=files))
            if any(any((folder / name).glob("*.safetensors")) for name in DENOISERS):
                break
        return folder
    except Exception as error:
        raise PackError(
            "{pack} is not on this machine and could not be downloaded ({kind}). Go online once, or give the "
            "path of a diffusers folder.",
            pack=info.title,
            kind=type(error).__name__,
        ) from error


def _hub_files(variant: str) -> list[str]:
    """What a pack needs and nothing else: a repository may hold every model in half a dozen variants."""
    files = ["model_index.json", "*scheduler/scheduler_config.json", "tokenizer/*", "tokenizer_2/*", "tokenizer_3/*"]
    for folder, name in MODELS.items():
        files += [
            f"{folder}/config.json",
            f"{folder}/preprocessor_config.json",
            f"{folder}/{name}{variant}.safetensors",
        ]
        files += [f"{folder}/{name}.safetensors.index{variant}.json"]
        files += [f"{folder}/{name}{variant}-?????-of-?????.safetensors"]
    return files


def models_of(pack: Pack) -> dict[str, Any]:
    """Every model of ``pack``, by what a person calls it."""
    models = {pack.denoiser.architecture.network: pack.denoiser.network, "autoencoder": pack.first_stage.model}
    for network, name in zip(pack.text.networks, TEXT_ENCODERS, strict=False):
        models[name] = network
    if pack.upscaler is not None:
        models["upscaler"], models["upscaler's autoencoder"] = pack.upscaler.network, pack.upscaler.first_stage.model
    if pack.denoiser.grounding is not None:
        models["position net"] = pack.denoiser.grounding.net
    if pack.denoiser.projection is not None:
        models["image projection"] = pack.denoiser.projection
    if pack.clip is not None:
        models["vision tower"] = pack.clip.vision
    return models


def _check_finite(pack: Pack) -> None:
    """A file with broken weights loads without a word and draws black pictures; refuse it here instead."""
    for name, model in models_of(pack).items():
        for key, value in model.state_dict().items():
            if value.is_floating_point() and not torch.isfinite(value).all():
                raise PackError(
                    "The pack {pack} is damaged: {key} of its {name} is not finite.",
                    pack=pack.info.title,
                    key=key,
                    name=name,
                )
