"""The family of CompVis' unconditional models (Rombach et al. 2022, section 4.1: faces, churches, bedrooms): a U-Net
that reads nothing, on the latents of a VQ-regularised autoencoder. The layout is that of `diffusers.LDMPipeline`."""

from __future__ import annotations

from studio.models.catalogue import PackInfo
from studio.models.weights.folder import Folder
from studio.requests.needs import DRAWING


def detect(folder: Folder) -> PackInfo | None:
    if not folder.has("vqvae") or folder.config("unet").get("_class_name") != "UNet2DModel":
        return None
    if folder.config("unet").get("in_channels") != folder.config("unet").get("out_channels"):
        return None
    side = folder.factor("vqvae") * folder.sample_size("unet")
    return PackInfo.of(folder.path, side, family="unconditional", capabilities=frozenset({DRAWING}))
