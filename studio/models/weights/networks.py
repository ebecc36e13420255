"""What the families share when they load a model: types, schedules, previews, and how a loaded model is settled."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from safetensors.torch import load_file
from torch import nn

from studio.errors import PackError
from studio.models.autoencoders.previews import Colours, LinearDecoder, PreviewDecoder, TinyDecoder, preview_of
from studio.models.catalogue import VAE
from studio.models.weights.files import is_weights, weights_in
from studio.models.weights.folder import read_json
from studio.models.weights.inspection import check_folder, check_keys, check_tensors, first_line, refusal_of
from studio.sampling.process import BetaSchedule, DynamicShift, FlowSchedule

logger = logging.getLogger(__name__)

# diffusers and peft make their models by patching torch for the whole process while they do so: one at a time.
BUILDING = threading.RLock()

Model = TypeVar("Model", bound=nn.Module)

PREDICTIONS = ("epsilon", "v_prediction", "sample")
BETA_SCHEDULES = ("linear", "scaled_linear", "squaredcos_cap_v2")
MOST_TRAIN_STEPS = 10_000
MOST_SHIFT = 1e6
OTHER_SIGMAS = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "invert_sigmas")
FLOW_NUMBERS = {
    "shift": 1.0, "base_shift": 0.5, "max_shift": 1.15, "base_image_seq_len": 256, "max_image_seq_len": 4096
}  # fmt: skip
PREVIEW_FILE = "preview.safetensors"
TINY_DECODER = "taesd"  # the folder in a pack's with a distilled decoder (`diffusers.AutoencoderTiny`)
HALF = "fp16"
ONLY_SAFE: dict[str, Any] = {"use_safetensors": True, "local_files_only": True}


def settled(model: Model, device: torch.device) -> Model:
    """``model`` on ``device``, for inference only."""
    model.eval().requires_grad_(False)
    return model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def load_model(kind: Any, folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    """The model of class ``kind`` (diffusers' or transformers') in ``folder``, whole and for inference. Raises
    `PackError`, which names what is wrong with which file."""
    check_folder(folder)
    options = {**ONLY_SAFE, "variant": variant_of(folder), "dtype": dtype}
    try:
        with BUILDING:
            model, found = kind.from_pretrained(folder, output_loading_info=True, **options)
    except Exception as error:
        logger.info("a model cannot be loaded", exc_info=error)
        raise refusal_of(folder, error) from None
    check_keys(folder, found["missing_keys"], found["unexpected_keys"])
    return settled(model, device)


def variant_of(folder: Path) -> str | None:
    """ "fp16" where the weights in ``folder`` are there in half precision only, as diffusers names them; else None."""
    whole = [file for file in weights_in(folder) if f".{HALF}" not in file.name]
    return None if whole else HALF


def load_autoencoder(pack: Path, source: Path, dtype: torch.dtype, device: torch.device) -> AutoencoderKL:
    """The autoencoder of the pack in the folder ``pack``, unless one lies beside ``source`` that is to stand in for it:
    the pack's name with `VAE`, in either layout."""
    override = override_of(source)
    if override is None:
        return load_model(AutoencoderKL, pack / "vae", autoencoder_dtype(dtype), device)
    return read_autoencoder(override, pack, autoencoder_dtype(dtype))


def override_of(source: Path) -> Path | None:
    """The file that stands in for the autoencoder of the pack at ``source``, a folder or a file, if there is one."""
    override = source.with_name((source.stem if is_weights(source) else source.name) + VAE)
    return override if override.is_file() else None


def read_autoencoder(file: Path, config: Path, dtype: torch.dtype) -> AutoencoderKL:
    """The autoencoder in a single file; its configuration is in the folder ``config``."""
    check_tensors(file)
    try:
        with BUILDING:
            return AutoencoderKL.from_single_file(
                load_file(file), config=str(config), subfolder="vae", local_files_only=True, dtype=dtype
            )
    except Exception as error:
        raise PackError(
            "{file} is no autoencoder for this pack: {reason}", file=file.name, reason=first_line(error)
        ) from None


def autoencoder_dtype(dtype: torch.dtype) -> torch.dtype:
    """float32 where the denoiser is in float16, whose range Stable Diffusion's autoencoder overflows."""
    return torch.float32 if dtype == torch.float16 else dtype


def read_flow(folder: Path, *, trained: bool = False) -> FlowSchedule:
    """The process of a model in the diffusers folder ``folder`` that was trained by flow matching; ``trained``: see
    `FlowSchedule`. Raises `PackError` for what cannot be one."""
    config = read_json(folder / "scheduler" / "scheduler_config.json")
    if not str(config.get("_class_name", "")).startswith("FlowMatch") or any(config.get(each) for each in OTHER_SIGMAS):
        raise PackError("The pack's scheduler is not one of flow matching, or of a kind that is not served so far.")
    numbers = {name: config.get(name, value) for name, value in FLOW_NUMBERS.items()}
    if not all(_is_positive(value) for value in numbers.values()):
        raise PackError("The pack's scheduler has a shift that cannot be right.")
    terminal = config.get("shift_terminal")
    if terminal is not None and not (_is_positive(terminal) and terminal < 1):
        raise PackError("The pack's scheduler has a shift_terminal that cannot be right.")
    shift: float | DynamicShift = float(numbers["shift"])
    if config.get("use_dynamic_shifting"):
        few, many = int(numbers["base_image_seq_len"]), int(numbers["max_image_seq_len"])
        if few == many:
            raise PackError("The pack's scheduler has a shift that cannot be right.")
        linear = config.get("time_shift_type") == "linear"
        shift = DynamicShift(numbers["base_shift"], numbers["max_shift"], few, many, linear)
    return FlowSchedule(shift, terminal, trained)


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < MOST_SHIFT


def read_schedule(folder: Path) -> BetaSchedule:
    """The noise schedule of the diffusers folder ``folder``."""
    return schedule_of(read_json(folder / "scheduler" / "scheduler_config.json"))


def schedule_of(config: dict[str, Any]) -> BetaSchedule:
    """From a diffusers scheduler's configuration. Raises `PackError` for a schedule that has no betas of its own."""
    if config.get("trained_betas") or "beta_start" not in config:
        raise PackError("The pack's noise schedule is of a kind that is not served so far.")
    schedule = BetaSchedule(
        prediction=config.get("prediction_type", "epsilon"),
        beta_start=config["beta_start"],
        beta_end=config.get("beta_end", 0.02),
        beta_schedule=config.get("beta_schedule", "linear"),
        train_steps=config.get("num_train_timesteps", 1000),
        zero_snr=bool(config.get("rescale_betas_zero_snr")),
    )
    betas = schedule.beta_start, schedule.beta_end
    if schedule.prediction not in PREDICTIONS or schedule.beta_schedule not in BETA_SCHEDULES:
        raise PackError("The pack's noise schedule is of a kind that is not served so far.")
    if not all(isinstance(beta, float) and 0 < beta < 1 for beta in betas) or not _is_count(schedule.train_steps):
        raise PackError("The pack's noise schedule has betas or a number of steps that cannot be right.")
    if schedule.zero_snr and schedule.prediction == "epsilon":
        raise PackError(
            "The pack's noise schedule ends in noise alone, of which a model that predicts noise knows nothing."
        )
    return schedule


def _is_count(steps: Any) -> bool:
    return isinstance(steps, int) and not isinstance(steps, bool) and 1 <= steps <= MOST_TRAIN_STEPS


def read_preview(folder: Path, autoencoder: Any, colours: Colours | None = None) -> PreviewDecoder:
    """What decodes previews: the tiny decoder or the linear one in ``folder``; where there is neither, the family's
    ``colours``, or what is known of autoencoders like ``autoencoder``."""
    if (folder / TINY_DECODER).is_dir():
        return TinyDecoder(load_model(AutoencoderTiny, folder / TINY_DECODER, torch.float32, torch.device("cpu")))
    path = folder / PREVIEW_FILE
    if not path.exists():
        return preview_of(autoencoder, colours)
    stored = load_file(path)
    block = int((stored["bias"].numel() // 3) ** 0.5)
    return LinearDecoder(stored["weight"].float(), stored["bias"].float(), block)
