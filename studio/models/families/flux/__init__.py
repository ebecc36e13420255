"""The family of FLUX.1 (Black Forest Labs 2024), dev and schnell: a transformer that was trained by flow matching and
reads what T5 says of each token and what CLIP says of the whole."""

from __future__ import annotations

from typing import Any

from studio.models.catalogue import PackInfo
from studio.models.weights.folder import Folder
from studio.sampling.catalogue import FLOW

GUIDED = {"guidance": 3.5, "steps": 28}  # first values of dev, which is told its guidance
QUICK = {"guidance": 1.0, "steps": 4}  # and of schnell, which was distilled
SIDE = 1024


def detect(folder: Folder) -> PackInfo | None:
    if not folder.has("transformer") or folder.config("transformer").get("_class_name") != "FluxTransformer2DModel":
        return None
    values: dict[str, Any] = GUIDED if folder.config("transformer").get("guidance_embeds") else QUICK
    return PackInfo.of(folder.path, SIDE, family="flux", sampler="Euler", multiple=16, process=FLOW, **values)
