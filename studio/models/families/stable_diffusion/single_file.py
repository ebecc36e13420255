"""Checkpoints in the original layout: one safetensors file, whose configuration is a folder of the same name beside it
or one that ships with the studio (`assets/configurations`). Nothing is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.single_file_utils import create_diffusers_clip_model_from_ldm
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from studio.errors import PackError
from studio.models.autoencoders.previews import preview_of
from studio.models.catalogue import PackInfo
from studio.models.families.stable_diffusion.assembly import Checkpoint, assembled, is_xl, two_encoders
from studio.models.families.stable_diffusion.original import configuration_of, marks_of
from studio.models.model import Pack
from studio.models.text.encoders import TextEncoder, TextEncoders
from studio.models.text.tokenizers import clip_tokenizer, load_tokenizer
from studio.models.weights.folder import read_json
from studio.models.weights.hashing import hash_of_files
from studio.models.weights.inspection import check_config, check_keys, check_tensors, first_line
from studio.models.weights.networks import BUILDING, autoencoder_dtype, override_of, read_autoencoder, schedule_of
from studio.sampling.process import BetaSchedule

FIRST_LAYER = "model.diffusion_model.input_blocks.0.0.weight"


def load(info: PackInfo, file: Path, device: torch.device, dtype: torch.dtype) -> Pack:
    """The pack in ``file``. Raises `PackError`."""
    check_tensors(file)
    folder = configuration_of(file)
    if folder is None:
        raise PackError(
            "{file} is of no family that is known here. Put a diffusers folder with its configuration and "
            "tokenizer beside it, named {name}.",
            file=file.name,
            name=file.stem,
        )
    for config in sorted(folder.glob("*/config.json")):
        check_config(config)
    try:
        parts = _read(file, folder, device, dtype)
    except PackError:
        raise
    except Exception as error:
        raise PackError(
            "{file} does not hold what its family's models need: {reason}", file=file.name, reason=first_line(error)
        ) from error
    return assembled(info, parts, device)


def _read(file: Path, folder: Path, device: torch.device, dtype: torch.dtype) -> Checkpoint:
    weights = load_file(file)
    config: dict[str, Any] = {"config": str(folder), "local_files_only": True, "device": str(device)}
    channels = {"in_channels": weights[FIRST_LAYER].shape[1]}
    with BUILDING:
        unet = UNet2DConditionModel.from_single_file(weights, subfolder="unet", dtype=dtype, **channels, **config)
    autoencoder = read_autoencoder(override_of(file) or file, folder, autoencoder_dtype(dtype))
    text = _read_text(file, weights, folder, unet, dtype, device)
    return Checkpoint(unet, autoencoder, text, _schedule(file, folder), preview_of(autoencoder), hash_of_files([file]))


def _read_text(
    file: Path,
    weights: dict[str, torch.Tensor],
    folder: Path,
    unet: UNet2DConditionModel,
    dtype: torch.dtype,
    device: torch.device,
) -> TextEncoders:
    def tower(kind: Any, name: str, tokenizer: str) -> tuple[Any, Any]:
        with BUILDING:
            model = create_diffusers_clip_model_from_ldm(
                kind, weights, subfolder=name, config=str(folder), local_files_only=True
            )
        check_keys(file, [key for key, value in model.named_parameters() if value.is_meta], ())
        return model.eval().requires_grad_(False).to(device, dtype), _tokenizer(
            folder / tokenizer, model.config.pad_token_id
        )

    first, tokenizer = tower(CLIPTextModel, "text_encoder", "tokenizer")
    if not is_xl(unet):
        return TextEncoders((TextEncoder(first, tokenizer),))
    second, second_tokenizer = tower(CLIPTextModelWithProjection, "text_encoder_2", "tokenizer_2")
    return two_encoders(first, tokenizer, second, second_tokenizer, empty_is_zero=True)


def _schedule(file: Path, folder: Path) -> BetaSchedule:
    """The family's noise schedule; what the file itself says of its training counts more. A schedule that ends in noise
    alone is said of models that predict v, and means nothing for others, as in ComfyUI. Raises `PackError`."""
    marks = marks_of(file)
    if marks.is_edm:
        raise PackError("{file} was trained on EDM's noise levels, which are not served so far.", file=file.name)
    config = read_json(folder / "scheduler" / "scheduler_config.json")
    if marks.prediction is not None:
        config["prediction_type"] = marks.prediction
    if marks.zero_snr and config.get("prediction_type") == "v_prediction":
        config["rescale_betas_zero_snr"] = True
    return schedule_of(config)


def _tokenizer(folder: Path, padding: int) -> Any:
    return load_tokenizer(folder) if folder.is_dir() else clip_tokenizer(padding)
