"""What can be known of a checkpoint in the original layout, one safetensors file, by its header alone."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

CONFIGURATIONS = Path(__file__).resolve().parents[2] / "assets" / "configurations"
# A tensor that tells the families apart, and its last dimension there: the width that cross-attention reads.
TELLING = "model.diffusion_model.input_blocks.{block}.1.transformer_blocks.0.attn2.to_k.weight"
FAMILIES = (
    (TELLING.format(block=1), 768, "stable-diffusion-1"),
    (TELLING.format(block=1), 1024, "stable-diffusion-2"),
    (TELLING.format(block=4), 2048, "stable-diffusion-xl"),
)


def configuration_of(file: Path) -> Path | None:
    """The folder with the configuration of a checkpoint: one of the same name beside it, else its family's; None where
    neither is there."""
    own = file.with_suffix("")
    if own.is_dir():
        return own
    family = family_of(file)
    return None if family is None else CONFIGURATIONS / family


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
