"""The family of Stable Diffusion 3 and 3.5 (Esser et al. 2024): a transformer that was trained by flow matching and
reads words by two CLIP encoders and T5."""

from __future__ import annotations

from typing import Any

from studio.models.catalogue import FACTOR, PackInfo
from studio.models.weights.folder import Folder
from studio.sampling.catalogue import FLOW


def detect(folder: Folder) -> PackInfo | None:
    if not folder.has("transformer") or folder.config("transformer").get("_class_name") != "SD3Transformer2DModel":
        return None
    side = FACTOR * folder.sample_size("transformer")
    values: dict[str, Any] = {"sampler": "Euler", "steps": 28, "guidance": 5.0}
    return PackInfo.of(folder.path, side, family="stable_diffusion_3", multiple=16, process=FLOW, **values)
