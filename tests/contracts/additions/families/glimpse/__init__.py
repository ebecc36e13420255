"""A family that no model is of: it knows one picture, and every latent leads there. For the contract tests."""

from __future__ import annotations

from studio.models.catalogue import PackInfo
from studio.models.weights.folder import Folder
from studio.sampling.catalogue import FLOW


def detect(folder: Folder) -> PackInfo | None:
    if not folder.has("glimpse.json"):
        return None
    return PackInfo.of(folder.path, 64, family="glimpse", sampler="Euler", steps=4, guidance=1.0, process=FLOW)
