"""What can be known of a checkpoint in the original layout, one safetensors file, by its header alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

CONFIGURATIONS = Path(__file__).resolve().parents[4] / "assets" / "configurations"
# A tensor that tells the families apart, and its last dimension there: the width that cross-attention reads.
TELLING = "model.diffusion_model.input_blocks.{block}.1.transformer_blocks.0.attn2.to_k.weight"
FAMILIES = (
    (TELLING.format(block=1), 768, "stable-diffusion-1"),
    (TELLING.format(block=1), 1024, "stable-diffusion-2"),
    (TELLING.format(block=4), 2048, "stable-diffusion-xl"),
)

PREDICTIONS = {
    "v": "v_prediction", "v_prediction": "v_prediction", "v-prediction": "v_prediction", "epsilon": "epsilon",
    "eps": "epsilon",
}  # fmt: skip


def configuration_of(file: Path) -> Path | None:
    """The folder with the configuration of a checkpoint: one of the same name beside it, else its family's; None where
    neither is there."""
    own = file.with_suffix("")
    if own.is_dir():
        return own
    family = family_of(file)
    return None if family is None else CONFIGURATIONS / family


@dataclass(frozen=True)
class Marks:
    """What a checkpoint says of its training: what it predicts, "v_prediction" or "epsilon", None where it says
    nothing; whether its noise schedule ends in noise alone; whether it was trained on EDM's noise levels (Karras et
    al. 2022)."""

    prediction: str | None = None
    zero_snr: bool = False
    is_edm: bool = False


def marks_of(file: Path) -> Marks:
    """By the empty tensors that ComfyUI marks files with, and by what trainers write into the header."""
    try:
        with safe_open(file, framework="numpy") as tensors:
            names, metadata = set(tensors.keys()), tensors.metadata() or {}
    except (SafetensorError, OSError, ValueError):
        return Marks()  # what is wrong with it is said when it is loaded
    prediction = PREDICTIONS.get(metadata.get("modelspec.prediction_type", "").lower())
    if "v_pred" in names or _is_true(metadata.get("ss_v_parameterization")):
        prediction = "v_prediction"
    zero_snr = "ztsnr" in names or _is_true(metadata.get("ss_zero_terminal_snr"))
    return Marks(prediction, zero_snr, is_edm=any(name.startswith("edm_") for name in names))


def _is_true(text: str | None) -> bool:
    return (text or "").lower() in ("true", "1")


def family_of(file: Path) -> str | None:
    try:
        with safe_open(file, framework="numpy") as tensors:
            names = set(tensors.keys())
            for name, width, family in FAMILIES:
                if name in names and tensors.get_slice(name).get_shape()[-1] == width:
                    return family
    except (SafetensorError, OSError, ValueError):
        pass  # what is wrong with it is said when it is loaded
    return None
