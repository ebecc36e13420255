"""Loads a pack from the Hub, a diffusers folder or a single file. Safetensors only; a pack's code is never run."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel, UNet2DModel, VQModel
from safetensors.torch import load_file
from transformers import AutoTokenizer, CLIPTextModel

from studio.errors import PackError
from studio.packs.catalogue import FACTOR, IMAGE_PROMPT, SUPER_RESOLUTION, PackInfo, read_json
from studio.packs.clip import load_clip
from studio.packs.first_stage import FirstStage
from studio.packs.grounding import take_grounding
from studio.packs.image_prompt import take_image_prompt
from studio.packs.linear_decoder import LinearDecoder, four_colours
from studio.packs.pack import INPAINTING_CHANNELS, Denoiser, Pack, Upscaler
from studio.packs.vocabulary import read_vocabulary
from studio.samplers.table import NoiseSchedule, Tables

logger = logging.getLogger(__name__)

UPSCALER_FACTOR = 4  # pixels a latent
# Latents of as much work as a picture is for Storybook's denoiser: a tile of 32 x 32 takes 0.42 (alone) to 0.56 (one of
# eight) of the time of 16 x 16 there, measured on one CPU thread.
UPSCALER_AREA = 46**2
DECODED_PIECE = 32  # latents a side that are decoded at once, as in training
PREVIEW_FILE = "preview.safetensors"
MODELS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}


def pick_device(setting: str) -> torch.device:
    """ "auto" is the first CUDA device, else the CPU. Raises `PackError` for CUDA where there is none."""
    if setting == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if setting.startswith("cuda") and not torch.cuda.is_available():
        raise PackError(f"STUDIO_DEVICE is {setting}, but this machine has no CUDA device. Set it to cpu or auto.")
    return torch.device(setting)


def pick_dtype(device: torch.device) -> torch.dtype:
    """What the models compute in: bfloat16 on CUDA devices that have it, float16 on older ones, float32 on the CPU."""
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def load_pack(info: PackInfo, device: torch.device) -> Pack:
    """Loads every model of the pack. Raises `PackError`, which says what is missing."""
    source = Path(info.source)
    try:
        if source.is_file():
            pack = _load_file(info, source, device)
        else:
            pack = _load_folder(info, source if source.is_dir() else _download(info), device)
    except PackError:
        raise
    except Exception as error:
        logger.error("the pack %s cannot be loaded", info.title, exc_info=error)
        raise PackError(
            f"The pack {info.title} cannot be loaded ({type(error).__name__}); the log says more."
        ) from error
    _check_finite(pack)
    return pack


def _download(info: PackInfo) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(info.source, revision=info.revision, allow_patterns=_hub_files()))
    except Exception as error:
        raise PackError(
            f"{info.title} is not on this machine and could not be downloaded ({type(error).__name__}). "
            "Go online once, or give the path of a diffusers folder."
        ) from error


def _hub_files() -> list[str]:
    """What a pack needs and nothing else: a repository may hold every model in half a dozen variants."""
    files = ["model_index.json", "scheduler/scheduler_config.json", "tokenizer/*"]
    for folder, name in MODELS.items():
        files += [f"{folder}/config.json", f"{folder}/{name}.safetensors", f"{folder}/{name}.safetensors.index.json"]
        files += [f"{folder}/{name}-?????-of-?????.safetensors"]
    return files


def _load_folder(info: PackInfo, folder: Path, device: torch.device) -> Pack:
    dtype = pick_dtype(device)
    only_safe: dict[str, Any] = {"use_safetensors": True, "local_files_only": True}
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", dtype=dtype, **only_safe)
    autoencoder = AutoencoderKL.from_pretrained(folder / "vae", dtype=_autoencoder_dtype(dtype), **only_safe)
    text_encoder = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=dtype, **only_safe)
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    schedule = _schedule(read_json(folder / "scheduler" / "scheduler_config.json"))
    parts = (unet, autoencoder, text_encoder)
    pack = _assemble(info, parts, tokenizer, schedule, _preview(folder), hash_of(folder), device)
    beside = folder / SUPER_RESOLUTION
    upscaler = _load_upscaler(beside, device, dtype) if beside.is_dir() else None
    prompting = folder / IMAGE_PROMPT
    projection = take_image_prompt(unet, load_file(prompting)) if prompting.is_file() else None
    return replace(
        pack,
        denoiser=replace(pack.denoiser, projection=projection),
        vocabulary=read_vocabulary(folder),
        upscaler=upscaler,
        clip=load_clip(folder, device, dtype),
    )


def _load_upscaler(folder: Path, device: torch.device, dtype: torch.dtype) -> Upscaler:
    """The models of `diffusers.LDMSuperResolutionPipeline`, which lie in a folder of their own."""
    only_safe: dict[str, Any] = {"use_safetensors": True, "local_files_only": True}
    unet = UNet2DModel.from_pretrained(folder / "unet", dtype=dtype, **only_safe)
    autoencoder = VQModel.from_pretrained(folder / "vqvae", dtype=_autoencoder_dtype(dtype), **only_safe)
    for model in (unet, autoencoder):
        model.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
    schedule = _schedule(read_json(folder / "scheduler" / "scheduler_config.json"))
    first_stage = FirstStage(autoencoder, _preview(folder).to(device), UPSCALER_FACTOR, DECODED_PIECE)
    return Upscaler(unet, Tables(schedule), first_stage, unet.config.out_channels, UPSCALER_AREA)


def _load_file(info: PackInfo, file: Path, device: torch.device) -> Pack:
    """A checkpoint in the original Stable Diffusion layout. Its configuration is a folder of the same name beside it,
    or comes from the Hub."""
    from diffusers import StableDiffusionPipeline  # slow to import, and only single files need it

    beside = file.with_suffix("")
    config = {"config": str(beside), "local_files_only": True} if beside.is_dir() else {}
    try:
        pipeline = StableDiffusionPipeline.from_single_file(str(file), dtype=pick_dtype(device), **config)
    except Exception as error:
        raise PackError(
            f"{file.name} cannot be loaded ({type(error).__name__}). A single file holds no configuration: put a "
            f"diffusers folder with its configuration and tokenizer beside it, named {beside.name}, or go online once."
        ) from error
    schedule = _schedule(dict(pipeline.scheduler.config))
    parts = (pipeline.unet, pipeline.vae.to(_autoencoder_dtype(pipeline.unet.dtype)), pipeline.text_encoder)
    return _assemble(info, parts, pipeline.tokenizer, schedule, four_colours(), _hash([file]), device)


def _assemble(
    info: PackInfo,
    models: tuple[UNet2DConditionModel, AutoencoderKL, Any],
    tokenizer: Any,
    schedule: NoiseSchedule,
    preview: LinearDecoder,
    model_hash: str,
    device: torch.device,
) -> Pack:
    unet, autoencoder, text_encoder = (model.eval().requires_grad_(False).to(device) for model in models)
    unet = unet.to(memory_format=torch.channels_last)
    autoencoder = autoencoder.to(memory_format=torch.channels_last)
    if unet.config.addition_embed_type is not None or unet.config.in_channels not in (4, INPAINTING_CHANNELS):
        raise PackError(f"{info.title} is not of the Stable Diffusion 1 or 2 family, the only ones served so far.")
    native_area = (info.size // FACTOR) ** 2
    grounding = take_grounding(unet)
    first_stage = FirstStage(autoencoder, preview.to(device), FACTOR)
    denoiser = Denoiser(unet, Tables(schedule), first_stage, unet.config.out_channels, native_area, grounding)
    return Pack(info, denoiser, text_encoder, tokenizer, model_hash)


def _autoencoder_dtype(dtype: torch.dtype) -> torch.dtype:
    """float32 where the denoiser is in float16, whose range Stable Diffusion's autoencoder overflows."""
    return torch.float32 if dtype == torch.float16 else dtype


def _schedule(config: dict[str, Any]) -> NoiseSchedule:
    if config.get("rescale_betas_zero_snr") or config.get("trained_betas") or "beta_start" not in config:
        raise PackError("The pack's noise schedule is of a kind that is not served so far.")
    return NoiseSchedule(
        prediction=config.get("prediction_type", "epsilon"),
        beta_start=config["beta_start"],
        beta_end=config["beta_end"],
        beta_schedule=config["beta_schedule"],
        train_steps=config["num_train_timesteps"],
    )


def _preview(folder: Path) -> LinearDecoder:
    path = folder / PREVIEW_FILE
    if not path.exists():
        return four_colours()
    stored = load_file(path)
    block = int((stored["bias"].numel() // 3) ** 0.5)
    return LinearDecoder(stored["weight"].float(), stored["bias"].float(), block)


def hash_of(folder: Path) -> str:
    """The hash of a diffusers folder's denoiser, as recipes name it."""
    name = MODELS["unet"]
    shards = sorted((folder / "unet").glob(f"{name}-?????-of-?????.safetensors"))
    return _hash(shards or [folder / "unet" / f"{name}.safetensors"])


def _hash(files: list[Path]) -> str:
    """The first ten hexadecimal digits of SHA-256 over the denoiser's files; for a single file, the hash that other
    programs show, too."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()[:10]


def _check_finite(pack: Pack) -> None:
    """A file with missing or broken weights loads without a word and draws black pictures; refuse it here instead."""
    models = {"U-Net": pack.denoiser.unet, "autoencoder": pack.first_stage.model, "text encoder": pack.text_encoder}
    if pack.upscaler is not None:
        models["upscaler"], models["upscaler's autoencoder"] = pack.upscaler.unet, pack.upscaler.first_stage.model
    if pack.denoiser.grounding is not None:
        models["position net"] = pack.denoiser.grounding.net
    if pack.denoiser.projection is not None:
        models["image projection"] = pack.denoiser.projection
    if pack.clip is not None:
        models["vision tower"] = pack.clip.vision
    for name, model in models.items():
        for key, value in model.state_dict().items():
            if value.is_floating_point() and not torch.isfinite(value).all():
                raise PackError(f"The pack {pack.info.title} is damaged: {key} of its {name} is not finite.")
