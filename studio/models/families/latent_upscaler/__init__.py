"""The family of LDM-SR (Rombach et al. 2022, section 4.4): the model sees the small picture as channels beside the
latent's, pixel for latent, and no words. The layout is that of `diffusers.LDMSuperResolutionPipeline`."""

from __future__ import annotations

from studio.models.catalogue import FACTOR, PackInfo
from studio.models.weights.folder import Folder
from studio.requests.needs import UPSCALING


def detect(folder: Folder) -> PackInfo | None:
    if not folder.has("unet") or folder.config("unet").get("_class_name") != "UNet2DModel":
        return None
    if folder.config("unet").get("in_channels") == folder.config("unet").get("out_channels"):
        return None
    side = FACTOR * folder.sample_size("unet")
    return PackInfo.of(folder.path, side, family="latent_upscaler", capabilities=frozenset({UPSCALING}))
