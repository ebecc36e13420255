"""The family of Stable Diffusion 1, 2 and XL, and of Storybook: a U-Net with cross-attention to CLIP's text encoders.

What a U-Net of it may have beside: channels for a mask and a masked picture (Rombach et al. 2022, section 4.5), layers
for boxes (GLIGEN), layers for pictures (IP-Adapter), the size of the picture as conditioning (SDXL), and the scale of
guidance as one (consistency models distilled from guided ones).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from studio.models.catalogue import FACTOR, FEW_STEPS, IMAGE_PROMPT, SUPER_RESOLUTION, PackInfo
from studio.models.families.stable_diffusion.original import configuration_of, marks_of
from studio.models.weights.folder import Folder
from studio.requests import needs

IS_GENERAL = True  # a U-Net that no other family knows is taken for one of this
# Schedulers of diffusers that only distilled models are published with, and our names of them; the second with a
# timestep_spacing of "trailing" (SDXL Turbo, SDXL Lightning).
DISTILLED = {"LCMScheduler": "LCM", "TCDScheduler": "TCD"}
TURBO = {"EulerDiscreteScheduler": "Euler", "EulerAncestralDiscreteScheduler": "Euler a"}
# Good first values of models whose noise schedule ends in noise alone, where other schedules spend most of their steps.
ZERO_SNR: Mapping[str, Any] = MappingProxyType(
    {"sampler": "Euler", "schedule": "SGM Uniform", "steps": 28, "guidance": 5.0}
)


def detect(folder: Folder) -> PackInfo | None:
    if not folder.has("unet"):
        return None
    config = folder.config("unet")
    capabilities = set(PackInfo.capabilities)
    if config.get("attention_type") == "gated":
        capabilities.add(needs.BOXES)
    if folder.has(IMAGE_PROMPT):
        capabilities.add(needs.IMAGE_PROMPT)
    info = PackInfo.of(
        folder.path, FACTOR * folder.sample_size("unet"), family="stable_diffusion",
        capabilities=frozenset(capabilities), cascades=folder.has(SUPER_RESOLUTION), few_steps=folder.has(FEW_STEPS),
    )  # fmt: skip
    return replace(info, **_first_values(folder, config))


def detect_file(file: Path) -> PackInfo | None:
    """A file in the original layout, by its header, or by the configuration in a folder of its name beside it."""
    configured = configuration_of(file)
    info = None if configured is None else detect(Folder(configured))
    return info if info is None or not marks_of(file).zero_snr else replace(info, **ZERO_SNR)


def _first_values(folder: Folder, unet: dict[str, Any]) -> dict[str, Any]:
    """What a model wants, as far as its scheduler tells: a distilled one few steps, its own sampler and no guidance."""
    scheduler = folder.scheduler
    kind = str(scheduler.get("_class_name", ""))
    if kind in DISTILLED:
        embeds_guidance = unet.get("time_cond_proj_dim") is not None
        return {"sampler": DISTILLED[kind], "steps": 4, "guidance": 8.0 if embeds_guidance else 1.0}
    if scheduler.get("rescale_betas_zero_snr"):
        return {**ZERO_SNR, "sampler": TURBO.get(kind, ZERO_SNR["sampler"])}
    is_plain = scheduler.get("prediction_type") != "v_prediction"  # as those that were distilled are
    if kind in TURBO and scheduler.get("timestep_spacing") == "trailing" and is_plain:
        return {"sampler": TURBO[kind], "schedule": "SGM Uniform", "steps": 4, "guidance": 1.0}
    return {}
